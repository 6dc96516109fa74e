"""The collectives for real: torch with the gloo backend, two nodes of one process each on this machine."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

CHECKS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, CHECKS)

import collective  # noqa: E402
import many_nodes  # noqa: E402
import messages  # noqa: E402
import tools  # noqa: E402

LIMIT = 240


class Node:
    """One many_nodes.py, as a check pod runs it."""

    def __init__(self, folder, rank, port, **variables):
        self.log = os.path.join(folder, "log-%d" % rank)
        environment = dict(os.environ, NODES="2", NODE_RANK=str(rank), MASTER_PORT=str(port), RANKS_PER_NODE="1")
        environment.update(
            MASTER_ADDR="127.0.0.1", NODE_NAME="n%d" % rank, PEERS="n0 n1", CHECK="pair", LEVEL="standard"
        )
        environment.update(TERMINATION_LOG=self.log, OMP_NUM_THREADS="1", JOIN_SECONDS="120", GLOO_SOCKET_IFNAME="lo")
        environment.update(variables)
        run = ["/bin/sh", os.path.join(CHECKS, "run.sh")]
        self.process = subprocess.Popen(run, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self):
        """Nothing of it stays."""
        tools.kill_below(self.process.pid)
        self.process.kill()
        self.process.communicate()

    def body(self):
        """Its line."""
        out, err = self.process.communicate(timeout=LIMIT)
        assert self.process.returncode == 0, err
        with open(self.log) as file:
            assert file.read() + "\n" == out
        return json.loads(out)


class Pair(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def nodes(self, ranks=(0, 1), **variables):
        port = many_nodes.free_port()
        nodes = [Node(self.folder, rank, port, **variables) for rank in ranks]
        for node in nodes:
            self.addCleanup(node.end)
        return nodes

    def test_every_collective_runs_and_is_right(self):
        started = self.nodes(COLLECTIVE_ARGS="--sizes 64kib 1mib", SHARED_DIR=self.folder, TEST="t1")
        for body in [node.body() for node in started]:
            self.assertEqual(body["errors"], [])
            self.assertEqual((body["nodes"], body["ranks"], body["backend"], body["check"]), (2, 2, "gloo", "pair"))
            measured = body["m"]
            for name in collective.COLLECTIVES:
                for size in ("64kib", "1mib"):
                    self.assertGreater(measured["gloo.%s.%s.busbw.gb_s" % (name, size)], 0)
            self.assertEqual(measured["gloo.wrong.count"], 0)
            self.assertEqual(measured["shared.wrong.count"], 0)
            self.assertGreater(measured["gloo.allreduce.8b.us"], 0)
            self.assertGreaterEqual(measured["gloo.straggler.ms"], 0)
            self.assertGreater(measured["gloo.straggler.ratio"], 0)

    def test_a_partner_that_does_not_come_is_a_timeout_and_nothing_is_measured(self):
        (node,) = self.nodes(ranks=(0,), JOIN_SECONDS="1", RUN_SECONDS="14", LEVEL="quick")
        body = node.body()
        self.assertEqual(body["m"], {})
        self.assertEqual([(error["check"], error["kind"]) for error in body["errors"]], [("nccl.init", "timeout")])

    def test_a_partner_that_dies_on_the_way_costs_only_what_came_after(self):
        first, second = self.nodes(COLLECTIVE_ARGS="--only allreduce --sizes 1mib 128mib", RUN_SECONDS="60")
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline and not self.reached(second, "allreduce"):
            time.sleep(0.2)
        workers = [pid for pid in tools.descendants(second.process.pid) if "collective.py" in command_of(pid)]
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        body = first.body()
        self.assertIn("gloo.init.ms", body["m"])
        self.assertTrue(body["errors"], body)
        self.assertEqual({error["check"] for error in body["errors"]}, {"gloo.allreduce"})
        self.assertIn("gloo.straggler.ms", body["m"])
        self.assertNotIn("gloo.allreduce.128mib.busbw.gb_s", body["m"])

    def reached(self, node, step):
        """Whether a node's notes say that it has begun a step."""
        for pid in tools.descendants(node.process.pid):
            words = command_of(pid).split("\0")
            if "--out" in words:
                try:
                    with open(words[words.index("--out") + 1]) as file:
                        return json.load(file)["reached"] == step
                except (OSError, ValueError):
                    continue
        return False


def command_of(pid):
    """Command line of a process."""
    try:
        with open("/proc/%d/cmdline" % pid) as file:
            return file.read()
    except OSError:
        return ""


class Corruption(unittest.TestCase):
    """Silent corruption must be seen: the same code that checks real messages, given spoilt ones."""

    @classmethod
    def setUpClass(cls):
        import torch

        class Alone:
            """A group of one, whose all-reduce spoils what it is told to."""

            def __init__(self):
                self.spoil = lambda tensor: None

            def get_rank(self):
                return 0

            def get_world_size(self):
                return 1

            def all_reduce(self, tensor):
                self.spoil(tensor)

        cls.torch = torch
        cls.group = Alone()
        cls.bench = messages.Bench(torch, cls.group, torch.device("cpu"))

    def wrong(self, spoil):
        self.group.spoil = spoil
        _, check = messages.allreduce(self.bench, 100_000)
        return check()

    def test_a_right_sum_has_no_wrong_element(self):
        self.assertEqual(self.wrong(lambda tensor: None), 0)

    def test_one_bit_in_one_element_is_found(self):
        def flip(tensor):
            words = tensor.view(self.torch.int32)
            words[77_777] ^= 1 << 3

        self.assertEqual(self.wrong(flip), 1)

    def test_what_is_no_number_is_wrong(self):
        def spoil(tensor):
            tensor[5:10] = float("nan")

        self.assertEqual(self.wrong(spoil), 5)

    def test_a_message_that_never_came_is_wrong(self):
        self.assertGreater(self.wrong(lambda tensor: tensor.zero_()), 90_000)


if __name__ == "__main__":
    unittest.main()
