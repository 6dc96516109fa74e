"""How fast the GPUs of one node compute and copy, and whether they compute the same thing twice. All at once, as in work."""

import statistics
import threading
import time

import gpu_query
from report import CheckError, Report

SECONDS = {"quick": 5.0, "standard": 20.0, "deep": 120.0}
MATRIX = 8192
BATCH = 20
COPY_BYTES = 2 << 30
HOST_BYTES = 256 << 20
COPIES = 10
PATIENCE_SECONDS = 20
HOST_COPIES = 8


def import_torch():
    """PyTorch; an image without it has a missing tool."""
    try:
        import torch
    except ImportError as error:
        raise CheckError("missing-tool", "torch: %s" % error)
    return torch


def gemm_flops(size):
    """Floating point operations of a product of two square matrices."""
    return 2.0 * size**3


def spread_percent(values):
    """(largest − smallest) / median × 100."""
    return (max(values) - min(values)) / statistics.median(values) * 100


def differing(digests):
    """How many GPUs are not of the majority's opinion about the same product, and the first of them."""
    most = max(sorted(set(digests)), key=digests.count)
    others = [index for index, digest in enumerate(digests) if digest != most]
    return len(others), (others[0] if others else None)


def digest(torch, matrix):
    """A number that changes with any bit of a 16-bit matrix. Whole numbers: the order of adding does not matter."""
    words = matrix.view(torch.int16).flatten().to(torch.int64)
    weights = torch.arange(words.numel(), device=words.device) % 65521 + 1
    return int((words * weights).sum().item())


def gpu(torch, index):
    """One GPU, as torch names it."""
    return torch.device("cuda", index)


def matrices(torch, size):
    """The same two matrices on every GPU: made on the CPU from one seed, once."""
    generator = torch.Generator().manual_seed(20260101)
    pair = [torch.randn(size, size, generator=generator) for _ in range(2)]
    pairs = []
    for index in range(torch.cuda.device_count()):
        kind = torch.bfloat16 if torch.cuda.get_device_capability(index)[0] >= 8 else torch.float16
        pairs.append([matrix.to(kind).to(gpu(torch, index)) for matrix in pair])
    return pairs


def time_on(torch, device, work):
    """Starts work on a GPU between two events and returns them; nobody waits yet."""
    with torch.cuda.device(device):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
    return begin, end


def gemm(torch, report, level):
    """All GPUs multiply at the same time: speed, spread, wrong results, and what nvidia-smi says meanwhile."""
    devices = list(range(torch.cuda.device_count()))
    pairs = matrices(torch, MATRIX)
    first = [a @ b for a, b in pairs]
    outs = [torch.empty_like(product) for product in first]

    def multiply(device):
        for _ in range(BATCH):
            torch.matmul(pairs[device][0], pairs[device][1], out=outs[device])

    speeds = {device: [] for device in devices}
    sampler = Sampler()
    deadline = time.monotonic() + SECONDS[level]
    sampler.start_in(SECONDS[level] / 2)
    while time.monotonic() < deadline or sampler.busy(deadline):
        events = [time_on(torch, device, lambda device=device: multiply(device)) for device in devices]
        for device, (begin, end) in zip(devices, events):
            end.synchronize()
            speeds[device].append(gemm_flops(MATRIX) * BATCH / (begin.elapsed_time(end) / 1e3) / 1e12)
    sampler.finish(report)
    medians = [statistics.median(speeds[device]) for device in devices]
    report.add("gpu.gemm.bf16.tflops", min(medians), medians.index(min(medians)))
    report.add("gpu.gemm.spread.percent", spread_percent(medians))
    wrong = [int((out != product).sum().item()) for out, product in zip(outs, first)]
    report.add("gpu.gemm.wrong.count", sum(wrong), wrong.index(max(wrong)) if any(wrong) else None)
    report.add("gpu.gemm.differ.count", *differing([digest(torch, product) for product in first]))


class Sampler:
    """Asks nvidia-smi once from a second thread while the GPUs are busy."""

    def __init__(self):
        self.report = Report()
        self.problem = None
        self.timer = None

    def start_in(self, seconds):
        """Asks after so many seconds."""
        self.timer = threading.Timer(seconds, self.sample)
        self.timer.start()

    def busy(self, deadline):
        """Whether the answer is still awaited: GPUs that have stopped meanwhile would look slow. Not for ever."""
        return self.timer.is_alive() and time.monotonic() < deadline + PATIENCE_SECONDS

    def sample(self):
        """Runs in the second thread; what goes wrong is told by `finish`."""
        try:
            gpu_query.measure_load(self.report)
        except CheckError as error:
            self.problem = error

    def finish(self, report):
        """Takes the answer over."""
        self.timer.join()
        report.merge({"m": self.report.measured, "at": self.report.at})
        if self.problem:
            report.error("gpu.load", self.problem.kind, self.problem.text)


def hbm(torch, report):
    """Copies inside every GPU's memory, all at once; read and written bytes count."""
    devices = range(torch.cuda.device_count())
    sources = [torch.ones(COPY_BYTES, dtype=torch.uint8, device=gpu(torch, device)) for device in devices]
    targets = [torch.empty_like(source) for source in sources]

    def copy(device):
        for _ in range(COPIES):
            targets[device].copy_(sources[device])

    speeds = []
    for warm in (True, False):
        events = [time_on(torch, device, lambda device=device: copy(device)) for device in devices]
        for begin, end in events:
            end.synchronize()
            if not warm:
                speeds.append(2.0 * COPY_BYTES * COPIES / (begin.elapsed_time(end) / 1e3) / 1e9)
    report.add("gpu.hbm.gb_s", min(speeds), speeds.index(min(speeds)))


def host(torch, report):
    """Pinned memory to every GPU and back, one GPU after the other: together they would measure the host."""
    pinned = torch.empty(HOST_BYTES, dtype=torch.uint8, pin_memory=True)
    down, up = [], []
    for device in range(torch.cuda.device_count()):
        there = torch.empty(HOST_BYTES, dtype=torch.uint8, device=gpu(torch, device))
        down.append(host_speed(torch, device, there, pinned))
        up.append(host_speed(torch, device, pinned, there))
    report.add("gpu.h2d.gb_s", min(down), down.index(min(down)))
    report.add("gpu.d2h.gb_s", min(up), up.index(min(up)))


def host_speed(torch, device, target, source):
    """GB/s of one direction."""

    def copy():
        for _ in range(HOST_COPIES):
            target.copy_(source, non_blocking=True)

    for _ in range(2):
        begin, end = time_on(torch, device, copy)
        end.synchronize()
    return HOST_BYTES * HOST_COPIES / (begin.elapsed_time(end) / 1e3) / 1e9


def measure(report, level):
    """Part gpu.speed (and gpu.load, measured on the way)."""
    torch = import_torch()
    if not torch.cuda.is_available():
        raise CheckError("failed", "torch sees no GPU")
    try:
        gemm(torch, report, level)
        hbm(torch, report)
        host(torch, report)
    except RuntimeError as error:
        raise CheckError("failed", "torch: %s" % error)
