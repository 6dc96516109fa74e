"""NCCL between GPUs made of numbers: a message takes a latency, and its bytes at the speed of NVLink or of EFA."""

import os
from types import SimpleNamespace

import clock

import torch

#: Seconds until the first byte, and bytes per second on the bus, within a node and between nodes: what HEALTHY_P5 of our
#: tests and the published runs in lib/catalog/health-collectives.ts come to.
WITHIN = SimpleNamespace(latency=87e-6, bus=472e9)
BETWEEN = SimpleNamespace(latency=120e-6, bus=470e9 / torch.SLOWER)
INIT_SECONDS = 0.85
ReduceOp = SimpleNamespace(MAX="max", SUM="sum")
isend, irecv = "isend", "irecv"
told = []


def get_rank():
    return int(os.environ["RANK"])


def get_world_size():
    return int(os.environ["WORLD_SIZE"])


def here():
    return int(os.environ["LOCAL_WORLD_SIZE"])


def take(size, factor):
    """One message."""
    link = BETWEEN if get_world_size() > here() else WITHIN
    clock.advance(link.latency + size * factor / link.bus)


def share():
    return (get_world_size() - 1) / get_world_size()


def init_process_group(backend, timeout):
    clock.advance(INIT_SECONDS)


def destroy_process_group():
    pass


def barrier():
    pass


def all_reduce(tensor, op=ReduceOp.SUM):
    """Small tensors hold numbers, the same ones on every rank."""
    if tensor.values is None:
        take(tensor.bytes(), 2 * share())


def all_gather(out, own):
    """The first thing that ranks tell each other is the number of their node; after that all of them say the same."""
    told.append(own)
    for rank, tensor in enumerate(out):
        tensor.values = [rank // here()] if len(told) == 1 else list(own.values)


def all_gather_into_tensor(out, own):
    take(out.bytes(), share())


def reduce_scatter_tensor(out, message):
    take(message.bytes(), share())


def all_to_all_single(out, message):
    take(message.bytes(), share())


def P2POp(kind, tensor, peer):  # noqa: N802 - torch's name
    return tensor


def batch_isend_irecv(pair):
    take(pair[0].bytes(), 1)
    return [SimpleNamespace(wait=lambda: None) for _ in pair]
