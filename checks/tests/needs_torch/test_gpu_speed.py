"""gpu_speed.py on two make-believe GPUs that are the CPU: the way through it, and that it sees what is wrong. No speed of it
says anything: no GPU was at hand.
"""

import os
import sys
import time
import types
import unittest

CHECKS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, CHECKS)

import gpu_speed  # noqa: E402
import torch  # noqa: E402
from report import CheckError, Report  # noqa: E402


class Event:
    """A CUDA event on a clock of the CPU."""

    def __init__(self, enable_timing):
        self.at = None

    def record(self):
        self.at = time.monotonic()

    def synchronize(self):
        pass

    def elapsed_time(self, other):
        return max(1e-6, (other.at - self.at) * 1e3)


class Here:
    """`with torch.cuda.device(…)`."""

    def __init__(self, index):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


def make_believe(gpus):
    """torch, with so many GPUs."""
    fake = types.SimpleNamespace(**{name: getattr(torch, name) for name in dir(torch) if not name.startswith("__")})
    fake.cuda = types.SimpleNamespace(
        device_count=lambda: gpus,
        is_available=lambda: True,
        get_device_capability=lambda index: (9, 0),
        device=Here,
        Event=Event,
    )
    fake.empty = lambda *size, pin_memory=False, **rest: torch.empty(*size, **rest)
    return fake


class Speed(unittest.TestCase):
    def setUp(self):
        kept = dict(vars(gpu_speed))
        self.addCleanup(lambda: vars(gpu_speed).update(kept))
        self.asked = 0
        self.torch = make_believe(2)
        gpu_speed.import_torch = lambda: self.torch
        gpu_speed.gpu = lambda torch_, index: torch.device("cpu")
        gpu_speed.MATRIX, gpu_speed.BATCH = 64, 2
        gpu_speed.COPY_BYTES = gpu_speed.HOST_BYTES = 1 << 16
        gpu_speed.SECONDS = {"quick": 0.2}
        gpu_speed.gpu_query = types.SimpleNamespace(measure_load=self.load)
        self.report = Report()

    def load(self, report):
        self.asked += 1
        report.add("gpu.load.temperature.c", 61, 1)

    def test_goes_through_all_of_it(self):
        gpu_speed.measure(self.report, "quick")
        names = "gpu.gemm.bf16.tflops gpu.gemm.spread.percent gpu.hbm.gb_s gpu.h2d.gb_s gpu.d2h.gb_s".split()
        for name in names:
            self.assertGreaterEqual(self.report.measured[name], 0, name)
        self.assertEqual(self.report.measured["gpu.gemm.wrong.count"], 0)
        self.assertEqual(self.report.measured["gpu.gemm.differ.count"], 0)
        self.assertEqual((self.report.measured["gpu.load.temperature.c"], self.asked), (61, 1))
        self.assertEqual(self.report.errors, [])

    def test_sees_a_product_that_changes(self):
        right = torch.matmul

        def wrong(a, b, out):
            right(a, b, out=out)
            out[3, 5] += 1

        self.torch.matmul = wrong
        gpu_speed.measure(self.report, "quick")
        self.assertEqual(self.report.measured["gpu.gemm.wrong.count"], 2)

    def test_keeps_computing_until_it_knows_what_it_asked(self):
        def slow(report):
            time.sleep(0.5)
            self.load(report)

        gpu_speed.gpu_query.measure_load = slow
        begin = time.monotonic()
        gpu_speed.gemm(self.torch, self.report, "quick")
        self.assertGreater(time.monotonic() - begin, 0.5)
        self.assertIn("gpu.load.temperature.c", self.report.measured)

    def test_tells_when_it_could_not_ask(self):
        def broken(report):
            raise CheckError("timeout", "nvidia-smi: 40 s")

        gpu_speed.gpu_query.measure_load = broken
        gpu_speed.measure(self.report, "quick")
        self.assertEqual([(error["check"], error["kind"]) for error in self.report.errors], [("gpu.load", "timeout")])
        self.assertIn("gpu.hbm.gb_s", self.report.measured)

    def test_says_failed_where_torch_sees_no_gpu_or_a_kernel_breaks(self):
        self.torch.cuda.is_available = lambda: False
        with self.assertRaises(CheckError) as none:
            gpu_speed.measure(self.report, "quick")
        self.torch.cuda.is_available = lambda: True
        self.torch.matmul = lambda *a, **k: (_ for _ in ()).throw(RuntimeError("CUDA error: uncorrectable ECC error"))
        with self.assertRaises(CheckError) as broken:
            gpu_speed.measure(self.report, "quick")
        self.assertEqual((none.exception.kind, broken.exception.kind), ("failed", "failed"))
        self.assertIn("uncorrectable ECC", broken.exception.text)

    def test_a_digest_changes_with_a_bit_and_the_majority_is_right(self):
        matrix = torch.randn(64, 64).to(torch.bfloat16)
        other = matrix.clone()
        other.view(torch.int16)[7, 9] ^= 1
        same, changed = gpu_speed.digest(torch, matrix), gpu_speed.digest(torch, other)
        self.assertNotEqual(same, changed)
        self.assertEqual(gpu_speed.differing([same, same, changed, same]), (1, 2))
        self.assertEqual(gpu_speed.differing([same] * 8), (0, None))
