"""Entry of the checks `pair` and `whole`: starts torchrun on this node, waits for it, and reports whatever came of it.

Also used by one_node.py for the GPUs of one node among themselves. Who takes part comes from the environment:
NODES, NODE_RANK, MASTER_ADDR, MASTER_PORT; TEST and PEERS (names of all nodes) for the shared volume.
"""

import glob
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

import efa
import shared_volume
import tools
from report import CheckError, Report, node_head, one_line, publish

HERE = os.path.dirname(os.path.abspath(__file__))
NETWORK = re.compile(r"NCCL INFO Using network ([A-Za-z ]+)")
JOIN_SECONDS = 300
RUN_SECONDS = {"quick": 120, "standard": 600, "deep": 1800}
TERMINATION_LOG = "/dev/termination-log"


def ranks_here(environment=os.environ):
    """Processes on this node: one per GPU, two without GPUs (a rehearsal)."""
    if environment.get("RANKS_PER_NODE"):
        return int(environment["RANKS_PER_NODE"])
    return len(glob.glob("/dev/nvidia[0-9]*")) or 2


def free_port():
    """A port nobody uses at the moment, for a group inside one node."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(level, out, group, extra=()):
    """torchrun's command line. `group`: nodes, node rank, address, port, ranks per node."""
    run = [sys.executable, "-m", "torch.distributed.run", "--nnodes", str(group["nodes"])]
    run += ["--node-rank", str(group["rank"]), "--nproc-per-node", str(group["ranks"]), "--max-restarts", "0"]
    run += ["--master-addr", group["address"], "--master-port", str(group["port"])]
    run += [os.path.join(HERE, "collective.py"), "--level", level, "--out", out]
    return run + ["--join-seconds", str(group["join"])] + list(extra)


def launch(report, level, group, seconds, extra=()):
    """Runs the collectives and merges what they wrote, also when they were cut off; then says how they ended."""
    with tempfile.TemporaryDirectory() as folder:
        out, log = os.path.join(folder, "out.json"), os.path.join(folder, "log")
        with open(log, "w") as words:
            process = subprocess.Popen(
                command(level, out, group, extra),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                env=environment_of(group),
                start_new_session=True,
            )
            ended = tools.wait_or_stop(process, seconds)
        reached = merge(report, out)
        with open(log, errors="replace") as words:
            said = words.read()
        tail = said[-4000:]
    refuse_sockets(report, group, said)
    if process.returncode == 0 and reached == "done":
        return
    sys.stderr.write(tail + "\n")
    if ended and has_no_torch(tail):
        report.error("nccl.launch", "missing-tool", "torch")
    elif not ended:
        # torchrun starts nobody before the other nodes are there: silence among several is a partner that did not come.
        part = "nccl.init" if not reached and group["nodes"] > 1 else part_of(report, reached)
        report.error(part, "timeout", "%g s, reached %s" % (seconds, reached or "nothing"))
    elif not report.errors:
        report.error(part_of(report, reached), "failed", last_words(tail))


def wants_efa(group):
    """Whether this run must go over EFA: a type with EFA, and more than one node."""
    return group["nodes"] > 1 and os.environ.get("EFA") == "1"


def environment_of(group):
    """NCCL says which network it uses only when asked; one thread per process is torchrun's own default."""
    environment = dict(os.environ)
    environment.setdefault("OMP_NUM_THREADS", "1")
    if wants_efa(group):
        environment.setdefault("NCCL_DEBUG", "INFO")
        environment.setdefault("NCCL_DEBUG_SUBSYS", "INIT,NET")
    return environment


def network_of(text):
    """Name of the network in NCCL's log: `AWS Libfabric`, `Libfabric`, `Socket`; None when it does not say."""
    found = NETWORK.findall(text)
    return found[-1].strip() if found else None


def refuse_sockets(report, group, text):
    """An image without the EFA plugin falls back to sockets and is ten times slower: no fault of the nodes, and their
    bandwidths would say so. They go, and the plugin is the missing tool."""
    if not wants_efa(group) or network_of(text) != "Socket":
        return
    for name in [name for name in report.measured if name.startswith("nccl.") and name != "nccl.wrong.count"]:
        del report.measured[name]
        report.at.pop(name, None)
    report.error("nccl.init", "missing-tool", "NCCL went over sockets: no EFA plugin in this image")


def merge(report, path):
    """Takes over what the first process of this node wrote; returns the step that it had reached."""
    try:
        with open(path) as file:
            body = json.load(file)
    except (OSError, ValueError):
        return ""
    for name, value in body["m"].items():
        report.add(name, value, body["at"].get(name))
    report.head.update(body["head"])
    report.errors.extend(body["errors"])
    return body["reached"]


def part_of(report, reached):
    """Part that an unfinished run is charged to: the launch itself, meeting the others, or the step that broke."""
    if not reached or reached == "done":
        return "nccl.launch"
    return "%s.%s" % (report.head.get("backend", "nccl"), reached)


def has_no_torch(text):
    """Whether Python said that there is no torch."""
    return "No module named 'torch'" in text or "No module named torch" in text


def last_words(text):
    """The line of a log that says most: the last one with an error in it."""
    lines = [one_line(line) for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or "error" in line]
    return (telling or lines or ["no word"])[-1]


def group_from(environment):
    """Who takes part, from the environment."""
    return {
        "nodes": int(environment.get("NODES", "1")),
        "rank": int(environment.get("NODE_RANK", "0")),
        "address": environment.get("MASTER_ADDR", "127.0.0.1"),
        "port": int(environment.get("MASTER_PORT", "29500")),
        "ranks": ranks_here(environment),
        "join": int(environment.get("JOIN_SECONDS", str(JOIN_SECONDS))),
    }


def counters():
    """EFA's counters, or None where nobody asked for EFA."""
    return efa.read_counters() if os.environ.get("EFA") == "1" else None


def guarded(report, part, work):
    """Runs one step; what it could not measure is an error of its part."""
    try:
        return work()
    except CheckError as error:
        report.error(part, error.kind, error.text)
    except Exception as error:  # a step must never cost the line
        report.error(part, "failed", "%s: %s" % (type(error).__name__, error))
    return None


def measure(report, level, environment):
    """Shared volume, collectives, and what EFA's counters rose by meanwhile."""
    group = group_from(environment)
    before = guarded(report, "efa.counters", counters)
    seconds = group["join"] + int(environment.get("RUN_SECONDS", str(RUN_SECONDS[level])))
    extra = environment.get("COLLECTIVE_ARGS", "").split()
    guarded(report, "nccl.launch", lambda: launch(report, level, group, seconds, extra))
    if before is not None:
        guarded(report, "efa.counters", lambda: efa.add_increase(report, before, counters()))
    folder, node = environment.get("SHARED_DIR"), environment.get("NODE_NAME", "")
    others = [peer for peer in environment.get("PEERS", "").split() if peer != node]
    if folder and others:
        test = environment.get("TEST", "test")
        place = os.path.join(folder, ".aicluster-exchange-" + test)
        guarded(report, "shared.exchange", lambda: shared_volume.exchange(report, place, test, node, others))


def main(check):
    """Measures and publishes one line; cut off by the kubelet, it publishes what it has."""
    report = Report(node_head(check))
    log = os.environ.get("TERMINATION_LOG", TERMINATION_LOG)

    def cut_off(number, frame):
        report.error("run.ended", "timeout", "ended from outside")
        publish(report.line(), log)
        tools.kill_below(os.getpid())
        os._exit(0)

    signal.signal(signal.SIGTERM, cut_off)
    measure(report, os.environ.get("LEVEL", "standard"), os.environ)
    publish(report.line(), log)


if __name__ == "__main__":
    main(os.environ.get("CHECK", "pair"))
