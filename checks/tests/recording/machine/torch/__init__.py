"""Eight GPUs made of numbers: tensors have a shape and no content, and work moves the clock by what an H100 takes for it."""

import os
from types import SimpleNamespace

import clock

GPUS = 8
#: What HEALTHY_P5 in lib/controllers/node-health/testing.ts reads.
BF16_FLOPS, FP32_FLOPS = 702.4e12, 51e12
HBM_BYTES, DOWN_BYTES, UP_BYTES = 2511.7e9, 55.4e9, 53.9e9
#: By how much GPU i is slower than GPU i - 1.
STEP = 0.004

uint8, int16, int64, float32, float64 = ("uint8", 1), ("int16", 2), ("int64", 8), ("float32", 4), ("float64", 8)
bfloat16, float16 = ("bfloat16", 2), ("float16", 2)


def device(kind, index=0):
    return SimpleNamespace(type=kind, index=index)


CPU = device("cpu")


class Tensor:
    """A shape; of small ones also the values, which ranks tell each other."""

    def __init__(self, shape, dtype=float32, device=CPU, values=None, pinned=False):
        self.shape, self.dtype, self.device, self.values, self.pinned = tuple(shape), dtype, device, values, pinned

    def like(self, **changes):
        known = {"shape": self.shape, "dtype": self.dtype, "device": self.device}
        return Tensor(**{**known, **changes})

    def numel(self):
        count = 1
        for side in self.shape:
            count *= side
        return count

    def bytes(self):
        return self.numel() * self.dtype[1]

    def to(self, target):
        return self.like(dtype=target) if isinstance(target, tuple) else self.like(device=target)

    def view(self, *shape):
        return self.like(dtype=shape[0]) if isinstance(shape[0], tuple) else self.like(shape=shape)

    def flatten(self):
        return self.like(shape=(self.numel(),))

    def __getitem__(self, at):
        if not isinstance(at, slice):
            return self.like(shape=self.shape[1:])
        return self.like(shape=(len(range(*at.indices(self.shape[0]))),) + self.shape[1:])

    def copy_(self, source, non_blocking=False):
        if self.pinned or source.pinned:
            clock.advance(self.bytes() / (DOWN_BYTES if source.pinned else UP_BYTES))
        elif self.dtype == uint8:
            clock.advance(2 * self.bytes() / (HBM_BYTES * (1 - STEP * self.device.index)))
        return self

    def sum(self):
        return self.like(shape=(1,), dtype=int64, values=[0])

    def item(self):
        return self.values[0]

    def tolist(self):
        return list(self.values)

    def same(self, *_):
        return self.like()

    __add__ = __mul__ = __mod__ = __ne__ = same

    def __matmul__(self, other):
        return self.like()


def empty(*size, dtype=float32, device=CPU, pin_memory=False):
    return Tensor(size, dtype, device, pinned=pin_memory)


def arange(start, end=None, device=CPU, dtype=int64):
    return Tensor((start if end is None else end - start,), dtype, device)


def randn(*size, generator=None):
    return Tensor(size)


def tensor(values, dtype=float32, device=CPU):
    return Tensor((len(values),), dtype, device, list(values))


def empty_like(other):
    return other.like()


def matmul(a, b, out):
    half = a.dtype in (bfloat16, float16)
    speed = (BF16_FLOPS if half else FP32_FLOPS) * (1 - STEP * a.device.index)
    clock.advance(2.0 * a.shape[0] ** 3 / speed)
    return out


ones = zeros = empty


class Generator:
    def manual_seed(self, seed):
        return self


class Event:
    def __init__(self, enable_timing):
        self.at = None

    def record(self):
        self.at = clock.now()

    def synchronize(self):
        pass

    def elapsed_time(self, other):
        return (other.at - self.at) * 1e3


class Current:
    """`with torch.cuda.device(…)`."""

    def __init__(self, index):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


cuda = SimpleNamespace(
    is_available=lambda: True,
    device_count=lambda: GPUS,
    get_device_capability=lambda index: (9, 0),
    device=Current,
    Event=Event,
    synchronize=lambda: None,
    set_device=lambda device: None,
)
#: How much slower than a healthy one the network between nodes is, by the machine's will.
SLOWER = float(os.environ.get("MACHINE_NETWORK_SLOWER", "1"))
