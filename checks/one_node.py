"""Entry of the check `one-node`: runs the parts of a level one after the other, each in its own process with its own time
limit, collects measurements and errors, and publishes one line. Exit code 0 whenever it could report; never a verdict.

By hand: `LEVEL=quick ACCELERATOR=nvidia EFA=1 python3 one_node.py`, or one part: `… --part gpu.inventory`.
"""

import argparse
import glob
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import efa
import many_nodes
import tools
from report import CheckError, Report, node_head, publish

LEVELS = ("quick", "standard", "deep")


class Part:
    """One row of the table: what runs where, from which level on, and how long it may take (seconds by level)."""

    def __init__(self, name, work, hardware="any", level="quick", seconds=(60, 60, 60), asked=None):
        self.name = name
        self.work = work
        self.hardware = hardware
        self.level = level
        self.seconds = dict(zip(LEVELS, seconds))
        self.asked = asked


PARTS = (
    Part("host.size", "system.measure_size"),
    Part("host.clock", "system.measure_clock"),
    Part("host.clock.chrony", "system.measure_chrony"),
    Part("net.dns", "system.measure_dns"),
    Part("net.mtu", "system.measure_mtu"),
    Part("gpu.inventory", "gpu_query.measure_inventory", "nvidia"),
    Part("gpu.remap", "gpu_query.measure_remap", "nvidia"),
    Part("gpu.nvlink", "gpu_query.measure_nvlink", "nvidia"),
    Part("gpu.nvlink.errors", "gpu_query.measure_nvlink_errors", "nvidia"),
    Part("gpu.xid", "xid.measure", "nvidia"),
    Part("gpu.dcgm", "dcgm.measure", "nvidia", seconds=(120, 960, 3060)),
    Part("neuron.inventory", "neuron.measure_devices", "neuron"),
    Part("neuron.monitor", "neuron.measure_monitor", "neuron"),
    Part("neuron.nccom", "neuron.measure_nccom", "neuron", "standard", (0, 400, 400)),
    Part("efa.count", "efa.measure_count", asked="EFA", seconds=(60, 60, 60)),
    Part("efa.pingpong", "efa.measure_pingpong", "any", "standard", (0, 400, 400), asked="EFA"),
    Part("nvme.count", "storage.measure_count"),
    Part("gpu.speed", "gpu_speed.measure", "nvidia", seconds=(120, 240, 600)),
    Part("nccl.launch", "one_node.measure_collectives", "nvidia", seconds=(140, 620, 1820)),
    Part("nvme.speed", "storage.measure_nvme", "any", "standard", (0, 400, 900), asked="NVME_DIR"),
    Part("shared.speed", "storage.measure_shared", "any", "standard", (0, 400, 900), asked="SHARED_DIR"),
)


def hardware(environment=os.environ):
    """nvidia, neuron or none. The one who starts the pod knows: a node whose GPUs are all lost must not look like one
    without GPUs, so guessing from device files is only for runs by hand."""
    if environment.get("ACCELERATOR"):
        return environment["ACCELERATOR"]
    if glob.glob("/dev/nvidia[0-9]*"):
        return "nvidia"
    return "neuron" if glob.glob("/dev/neuron[0-9]*") else "none"


def chosen(level, kind, environment=os.environ):
    """Parts that run: of this level or a lower one, for this hardware, and those behind a variable only when it is set."""
    return [
        part
        for part in PARTS
        if LEVELS.index(part.level) <= LEVELS.index(level)
        and part.hardware in ("any", kind)
        and (part.asked is None or environment.get(part.asked) not in (None, "", "0"))
    ]


def measure_collectives(report, level):
    """Part nccl.launch: the GPUs of this node among themselves. One GPU has nobody to talk to."""
    group = many_nodes.group_from({"RANKS_PER_NODE": str(many_nodes.ranks_here()), "JOIN_SECONDS": "60"})
    if group["ranks"] < 2:
        return
    group["port"] = many_nodes.free_port()
    many_nodes.launch(report, level, group, many_nodes.RUN_SECONDS[level])


def run_part(name, level, out):
    """The child: one part, everything it has to say into a file."""
    part = next(part for part in PARTS if part.name == name)
    module, function = part.work.split(".")
    report = Report()
    try:
        getattr(importlib.import_module(module), function)(report, level)
    except CheckError as error:
        report.error(name, error.kind, error.text)
    except Exception as error:  # whatever happens in a part is this part's error
        report.error(name, "failed", "%s: %s" % (type(error).__name__, error))
    with open(out, "w") as file:
        json.dump(report.to_dict(), file)


def run_in_process(report, part, level):
    """The parent's side of one part. A part may hang in the kernel (a dead shared volume): then it is left behind."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        child = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--part", part.name, "--level", level, "--out", out],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
        )
        ended = tools.wait_or_stop(child, part.seconds[level])
        try:
            with open(out) as file:
                report.merge(json.load(file))
        except (OSError, ValueError):
            if ended:
                report.error(part.name, "failed", "ended with %s" % child.returncode)
            else:
                report.error(part.name, "timeout", "%g s" % part.seconds[level])


def with_counters(report, work):
    """What EFA's counters rise by while the check runs."""
    before = many_nodes.guarded(report, "efa.counters", many_nodes.counters)
    work()
    if before is not None:
        after = many_nodes.guarded(report, "efa.counters", many_nodes.counters)
        if after is not None:
            efa.add_increase(report, before, after)


def measure(report, level, environment=os.environ):
    """All parts, one after the other: side by side they would measure each other."""
    begin = time.monotonic()

    def parts():
        for part in chosen(level, hardware(environment), environment):
            print("check: %s" % part.name, file=sys.stderr, flush=True)
            run_in_process(report, part, level)

    with_counters(report, parts)
    report.head["seconds"] = round(time.monotonic() - begin)


def main(argv=None):
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", choices=LEVELS, default=os.environ.get("LEVEL", "standard"))
    parser.add_argument("--part", choices=[part.name for part in PARTS], help="only this part")
    parser.add_argument("--out", default="/dev/stdout", help="where --part writes")
    arguments = parser.parse_args(argv)
    if arguments.part:
        return run_part(arguments.part, arguments.level, arguments.out)
    os.environ["LEVEL"] = arguments.level
    report = Report(node_head("one-node"))
    log = os.environ.get("TERMINATION_LOG", many_nodes.TERMINATION_LOG)

    def cut_off(number, frame):
        report.error("run.ended", "timeout", "ended from outside")
        publish(report.line(), log)
        tools.kill_below(os.getpid())
        os._exit(0)

    signal.signal(signal.SIGTERM, cut_off)
    measure(report, arguments.level)
    return publish(report.line(), log)


if __name__ == "__main__":
    main()
