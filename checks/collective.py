"""Collectives under torchrun: bandwidth by the formulas of nccl-tests, wrong sums, stragglers. One process per GPU.

Started by many_nodes.py (`python3 -m torch.distributed.run collective.py --level … --out …`). The first process of every
node writes what it knows into --out after each step, so that a hang loses only what came after it.
"""

import argparse
import datetime
import json
import os
import statistics
import sys
import time

from messages import COLLECTIVES, MIB, Bench

SIZES = {"8b": 8, "64kib": 64 << 10, "1mib": MIB, "128mib": 128 * MIB, "1gib": 1024 * MIB, "8gib": 8192 * MIB}
#: Collective → sizes, by level.
PLANS = {
    "quick": {"allreduce": ("128mib", "1gib")},
    "standard": {
        "allreduce": ("1mib", "128mib", "1gib"),
        "allgather": ("1mib", "128mib", "1gib"),
        "reducescatter": ("1mib", "128mib", "1gib"),
        "alltoall": ("1mib", "128mib", "1gib"),
        "sendrecv": ("1mib", "128mib", "1gib"),
    },
}
PLANS["deep"] = dict(PLANS["standard"], allreduce=("1mib", "128mib", "1gib", "8gib"))
REPEATS = {"quick": 5, "standard": 10, "deep": 20}
LATENCY_REPEATS = 50
STRAGGLER_SIZE = {"cuda": 4096, "cpu": 384}
STRAGGLER_PRODUCTS = {"cuda": 60, "cpu": 20}


def bus_factor(collective, ranks):
    """What algorithm bandwidth is multiplied with to be comparable with the hardware's (nccl-tests, PERFORMANCE.md)."""
    if collective == "allreduce":
        return 2.0 * (ranks - 1) / ranks
    if collective in ("allgather", "reducescatter", "alltoall"):
        return float(ranks - 1) / ranks
    return 1.0


def bus_bandwidth(collective, ranks, size, seconds):
    """GB/s on the bus for a message of `size` bytes."""
    return size / seconds / 1e9 * bus_factor(collective, ranks)


def plan(level, only=None, sizes=None):
    """Pairs of collective and size name, in the order they run."""
    chosen = PLANS[level]
    names = [name for name in chosen if only is None or name in only]
    return [(name, size) for name in names for size in (sizes or chosen[name])]


class Notes:
    """What this node knows, on disk after every step. Only the first process of a node writes."""

    def __init__(self, path, backend):
        self.path = path
        self.backend = backend
        self.body = {"reached": "", "head": {}, "m": {}, "at": {}, "errors": []}

    def add(self, name, value, at=None):
        """Keeps one number under the backend's name."""
        self.body["m"]["%s.%s" % (self.backend, name)] = value
        if at is not None:
            self.body["at"]["%s.%s" % (self.backend, name)] = at

    def reach(self, step):
        """Says that a step began, and writes everything down."""
        self.body["reached"] = step
        if self.path:
            with open(self.path + ".part", "w") as file:
                json.dump(self.body, file)
            os.replace(self.path + ".part", self.path)


def measure_collective(bench, notes, name, size_name, repeats, local):
    """One collective at one size: bandwidth and wrong elements. Returns the wrong ones."""
    size = SIZES[size_name]
    work, check = COLLECTIVES[name](bench, size // 4)
    times = bench.seconds(work, repeats)
    if name == "sendrecv":
        # Each rank has its own neighbours: this node's slowest rank says more than the slowest of all.
        per_rank = bench.gathered(statistics.median(times))
        seconds = max(per_rank[rank] for rank in local)
    else:
        seconds = statistics.median(bench.slowest(times))
    notes.add("%s.%s.busbw.gb_s" % (name, size_name), bus_bandwidth(name, bench.ranks, size, seconds))
    return bench.total(check())


def measure_latency(bench, notes):
    """µs of the smallest all-reduce: many in a row, so that the clock does not matter."""
    tensor = bench.torch.zeros(2, dtype=bench.torch.float32, device=bench.device)

    def work():
        for _ in range(10):
            bench.dist.all_reduce(tensor)

    times = bench.slowest(bench.seconds(work, LATENCY_REPEATS // 10))
    notes.add("allreduce.8b.us", statistics.median(times) / 10 * 1e6)


def measure_straggler(bench, notes, local):
    """The same computation on every rank, nobody waiting for anybody: who is late is slow by himself."""
    kind = bench.device.type
    size = STRAGGLER_SIZE[kind]
    a = bench.filled(size * size, 1).view(size, size)
    b = bench.torch.empty_like(a)

    def work():
        for _ in range(STRAGGLER_PRODUCTS[kind]):
            bench.torch.matmul(a, a, out=b)

    per_rank = bench.gathered(statistics.median(bench.seconds(work, 5)))
    middle = statistics.median(per_rank)
    slowest = max(local, key=lambda rank: per_rank[rank])
    notes.add("straggler.ms", max(0.0, (per_rank[slowest] - middle) * 1e3), slowest)
    notes.add("straggler.ratio", per_rank[slowest] / middle)


def measure(bench, notes, arguments, local):
    """All steps; a step that breaks ends the run, for the group cannot be trusted after it."""
    if bench.ranks < 2:
        notes.reach("done")
        return
    notes.reach("straggler")
    measure_straggler(bench, notes, local)
    notes.reach("allreduce")
    measure_latency(bench, notes)
    wrong = 0
    for name, size in plan(arguments.level, arguments.only, arguments.sizes):
        notes.reach(name)
        wrong += measure_collective(bench, notes, name, size, REPEATS[arguments.level], local)
        notes.add("wrong.count", wrong)
    notes.reach("done")


def parse_arguments(argv):
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", choices=sorted(PLANS), default="standard")
    parser.add_argument("--out", required=True, help="file for this node's measurements")
    parser.add_argument("--only", nargs="*", choices=sorted(COLLECTIVES), help="only these collectives")
    parser.add_argument("--sizes", nargs="*", choices=sorted(SIZES), help="these sizes instead of the level's")
    parser.add_argument("--join-seconds", type=float, default=300)
    return parser.parse_args(argv)


def main(argv=None):
    """Joins the group, measures, leaves."""
    arguments = parse_arguments(argv)
    import torch
    import torch.distributed as dist

    gpu = torch.cuda.is_available()
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local_rank) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    backend = "nccl" if gpu else "gloo"
    notes = Notes(arguments.out if local_rank == 0 else None, backend)
    notes.reach("init")
    begin = time.monotonic()
    dist.init_process_group(backend, timeout=datetime.timedelta(seconds=arguments.join_seconds))
    try:
        bench = Bench(torch, dist, device)
        dist.barrier()
        bench.wait()
        notes.add("init.ms", (time.monotonic() - begin) * 1e3)
        nodes = bench.gathered(int(os.environ.get("GROUP_RANK", "0")))
        local = [rank for rank, node in enumerate(nodes) if node == nodes[bench.rank]]
        notes.body["head"] = {"nodes": len(set(nodes)), "ranks": bench.ranks, "backend": backend}
        notes.body["head"]["algo"] = os.environ.get("NCCL_ALGO", "auto")
        measure(bench, notes, arguments, local)
    except RuntimeError as error:
        part = "%s.%s" % (backend, notes.body["reached"])
        notes.body["errors"].append({"check": part, "kind": "failed", "text": str(error)[:160]})
        notes.reach(notes.body["reached"])
        raise
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    sys.exit(main())
