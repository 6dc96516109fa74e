"""The entries as the kubelet starts them: a whole node with tools that answer from recordings, and everything that can hang."""

import json
import os
import signal
import subprocess
import sys
import time

import many_nodes
import one_node
import tools

from tests.support import CHECKS, CheckTest

HEALTHY_SMI = """case "$*" in
  *remapped*) cat "$DATA/smi-remapped-h100.csv";;
  *"nvlink -s"*) cat "$DATA/smi-nvlink-h100.txt";;
  *"nvlink -e"*) cat "$DATA/smi-nvlink-errors.txt";;
  *serial*) cat "$DATA/smi-query-h100.csv";;
  *) cat "$DATA/smi-load-h100.csv";;
esac"""


class Entry(CheckTest):
    def start(self, **variables):
        self.log = os.path.join(self.folder, "termination-log")
        environment = dict(os.environ, TERMINATION_LOG=self.log, NODE_NAME="n1", DNS_NAMES="localhost", **variables)
        environment.pop("PYTHONPATH", None)  # no torch here, whoever runs the tests
        return subprocess.Popen(
            ["/bin/sh", os.path.join(CHECKS, "run.sh")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self, process, code=0):
        out, err = process.communicate(timeout=50)
        self.assertEqual(process.returncode, code, err)
        with open(self.log) as file:
            line = file.read()
        self.assertEqual(out, line + "\n")
        return json.loads(line)

    def errors(self, body):
        return {(error["check"], error["kind"]) for error in body["errors"]}

    def test_a_gpu_node_reports_what_its_tools_say(self):
        self.tool("nvidia-smi", HEALTHY_SMI)
        self.tool("python3", 'exec "%s" "$@"' % sys.executable)
        body = self.line(self.start(LEVEL="quick", ACCELERATOR="nvidia"))
        self.assertEqual((body["v"], body["check"], body["level"], body["node"]), (1, "one-node", "quick", "n1"))
        self.assertEqual(len(body["gpus"]), 8)
        self.assertEqual(body["m"]["gpu.count"], 8)
        self.assertEqual(body["m"]["gpu.nvlink.up.count"], 18)
        self.assertEqual(body["m"]["gpu.remap.pending.count"], 0)
        self.assertGreater(body["m"]["host.cpu.count"], 0)
        # No torch, no dcgmi, no chronyc in this image: errors of their kind, and not one measurement in their place.
        for part in ("gpu.dcgm", "host.clock.chrony", "gpu.speed"):
            self.assertIn((part, "missing-tool"), self.errors(body))
        self.assertFalse([name for name in body["m"] if name.startswith(("gpu.gemm", "gpu.dcgm", "nccl", "gloo"))])

    def test_a_node_without_its_driver_has_no_gpu_measurement(self):
        self.tool("python3", 'exec "%s" "$@"' % sys.executable)
        self.tool("nvidia-smi", 'cat "$DATA/smi-no-driver.txt"; exit 9')
        body = self.line(self.start(LEVEL="quick", ACCELERATOR="nvidia"))
        self.assertIn(("gpu.inventory", "failed"), self.errors(body))
        self.assertFalse([name for name in body["m"] if name.startswith("gpu.count")])

    def test_ended_from_outside_it_says_what_it_knows(self):
        self.tool("python3", 'exec "%s" "$@"' % sys.executable)
        self.tool("nvidia-smi", "exec sleep 60")
        process = self.start(LEVEL="quick", ACCELERATOR="nvidia")
        for line in process.stderr:
            if "gpu.inventory" in line:
                break
        time.sleep(0.5)
        below = tools.descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        body = self.line(process)
        self.assertIn(("run.ended", "timeout"), self.errors(body))
        self.assertGreater(body["m"]["host.cpu.count"], 0)
        time.sleep(0.5)
        self.assertEqual([pid for pid in below if alive(pid)], [])

    def test_an_image_without_python_still_writes_a_line(self):
        for name in ("dirname", "uname"):
            self.tool(name, 'exec /usr/bin/%s "$@"' % name)
        os.environ["PATH"] = self.folder
        body = self.line(self.start())
        self.assertEqual(len(body["bootId"]), 36)
        self.assertEqual(body["errors"], [{"check": "run.python", "kind": "missing-tool", "text": "python3"}])

    def test_a_check_nobody_knows_is_a_mistake_of_the_caller(self):
        process = self.start(CHECK="three-nodes")
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 64)

    def test_a_pair_without_torch_is_a_missing_tool(self):
        self.tool("python3", 'exec "%s" "$@"' % sys.executable)
        body = self.line(self.start(CHECK="pair", LEVEL="quick", NODES="2", RANKS_PER_NODE="1"))
        self.assertEqual(self.errors(body), {("nccl.launch", "missing-tool")})
        self.assertEqual(body["m"], {})


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Parts(CheckTest):
    def part(self, module, seconds):
        with open(os.path.join(self.folder, "sick_part.py"), "w") as file:
            file.write(module)
        os.environ["PYTHONPATH"] = self.folder
        program = (
            "import sys, one_node; sys.path.insert(0, %r)\n"
            "one_node.PARTS = (one_node.Part('sick', 'sick_part.measure', seconds=(%g,) * 3),)\n"
            "one_node.main(sys.argv[1:])\n" % (self.folder, seconds)
        )
        entry = os.path.join(self.folder, "entry.py")
        with open(entry, "w") as file:
            file.write("import sys; sys.path.insert(0, %r)\n" % CHECKS + program)
        part = one_node.Part("sick", "sick_part.measure", seconds=(seconds,) * 3)
        original, one_node.__file__ = one_node.__file__, entry
        try:
            one_node.run_in_process(self.report, part, "quick")
        finally:
            one_node.__file__ = original
        return [(error["check"], error["kind"], error["text"]) for error in self.report.errors]

    def test_that_hangs_is_a_timeout(self):
        errors = self.part("import time\ndef measure(report, level):\n    time.sleep(60)\n", 1)
        self.assertEqual(errors, [("sick", "timeout", "1 s")])

    def test_that_crashes_takes_nothing_with_it(self):
        errors = self.part("import os\ndef measure(report, level):\n    os.kill(os.getpid(), 11)\n", 20)
        self.assertEqual(errors, [("sick", "failed", "ended with -11")])

    def test_that_raises_keeps_what_it_measured_before(self):
        module = "def measure(report, level):\n    report.add('gpu.count', 8)\n    raise RuntimeError('no more')\n"
        self.assertEqual(self.part(module, 20), [("sick", "failed", "RuntimeError: no more")])
        self.assertEqual(self.report.measured, {"gpu.count": 8})

    def test_are_chosen_by_level_hardware_and_what_was_asked(self):
        def names(*arguments):
            return {part.name for part in one_node.chosen(*arguments)}

        self.assertIn("gpu.inventory", names("quick", "nvidia", {}))
        self.assertNotIn("gpu.inventory", names("quick", "neuron", {}))
        self.assertNotIn("efa.count", names("deep", "nvidia", {"EFA": "0"}))
        self.assertIn("efa.count", names("quick", "nvidia", {"EFA": "1"}))
        self.assertNotIn("efa.pingpong", names("quick", "nvidia", {"EFA": "1"}))
        self.assertIn("efa.pingpong", names("standard", "nvidia", {"EFA": "1"}))
        self.assertTrue(names("quick", "nvidia", {}) < names("deep", "nvidia", {"EFA": "1", "SHARED_DIR": "/s"}))

    def test_the_one_who_starts_the_pod_knows_the_hardware(self):
        self.assertEqual(one_node.hardware({"ACCELERATOR": "nvidia"}), "nvidia")

    def test_all_exist(self):
        for part in one_node.PARTS:
            module, function = part.work.split(".")
            self.assertTrue(callable(getattr(__import__(module), function)), part.work)

    def test_have_time_for_their_tools(self):
        self.assertTrue(all(part.seconds[level] > 0 for part in one_node.PARTS for level in ("standard", "deep")))


class Network(CheckTest):
    def test_sockets_instead_of_efa_are_a_missing_tool_and_no_bandwidth(self):
        sockets = "n1:77:77 [0] NCCL INFO NET/Socket : Using [0]eth0:10.0.1.7<0>\nn1:77:77 [0] NCCL INFO Using network Socket\n"
        fabric = sockets.replace("network Socket", "network AWS Libfabric")
        self.assertEqual(many_nodes.network_of(fabric), "AWS Libfabric")
        self.assertIsNone(many_nodes.network_of("no word"))
        self.report.add("nccl.allreduce.1gib.busbw.gb_s", 9.1)
        self.report.add("nccl.wrong.count", 0)
        os.environ["EFA"] = "1"
        many_nodes.refuse_sockets(self.report, {"nodes": 2}, fabric)
        many_nodes.refuse_sockets(self.report, {"nodes": 1}, sockets)
        self.assertEqual((len(self.report.measured), self.report.errors), (2, []))
        many_nodes.refuse_sockets(self.report, {"nodes": 2}, sockets)
        self.assertEqual(self.report.measured, {"nccl.wrong.count": 0})
        self.assertEqual(
            [(error["check"], error["kind"]) for error in self.report.errors], [("nccl.init", "missing-tool")]
        )

    def test_nccl_is_asked_which_network_it_uses(self):
        os.environ["EFA"] = "1"
        self.assertEqual(many_nodes.environment_of({"nodes": 2})["NCCL_DEBUG"], "INFO")
        self.assertNotIn("NCCL_DEBUG", many_nodes.environment_of({"nodes": 1}))


class Words(CheckTest):
    def test_of_a_log(self):
        self.assertEqual(many_nodes.last_words("a\nRuntimeError: NCCL\nthe end\n"), "RuntimeError: NCCL")
        self.assertEqual(many_nodes.last_words(""), "no word")
