"""The messages of the collectives: filled with a pattern, exchanged, timed, and compared element by element."""

import time

MIB = 1 << 20
WARM_UPS = 2
#: Whole numbers stay exact in float32 below 2**24, whatever the order of adding: any difference is corruption.
PATTERN = 17
CHUNK = 16 * MIB


class Bench:
    """One process's view of the group."""

    def __init__(self, torch, dist, device):
        self.torch = torch
        self.dist = dist
        self.device = device
        self.rank = dist.get_rank()
        self.ranks = dist.get_world_size()

    def pattern(self, start, count):
        """Elements start … start+count of the pattern that every rank shifts by its own number."""
        places = self.torch.arange(start, start + count, device=self.device, dtype=self.torch.int64)
        return (places % PATTERN).to(self.torch.float32)

    def filled(self, count, shift):
        """A message: the pattern plus a shift."""
        return self.fill(self.torch.empty(count, dtype=self.torch.float32, device=self.device), shift)

    def fill(self, tensor, shift):
        """The same in a tensor that is there already: the largest message fills half of a small GPU."""
        for start in range(0, tensor.numel(), CHUNK):
            part = tensor[start : start + CHUNK]
            part.copy_(self.pattern(start, part.numel()) + shift)
        return tensor

    def wrong(self, tensor, expected):
        """How many elements differ from `expected(start, count)`. Not-a-number differs from everything."""
        count = 0
        for start in range(0, tensor.numel(), CHUNK):
            part = tensor[start : start + CHUNK]
            count += int((part != expected(start, part.numel())).sum().item())
        return count

    def wait(self):
        """Until the GPU has done what it was told."""
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()

    def seconds(self, work, repeats):
        """Seconds of each repeat on this rank, after warming up and with everybody at the start."""
        for _ in range(WARM_UPS):
            work()
        times = []
        for _ in range(repeats):
            self.dist.barrier()
            self.wait()
            begin = time.monotonic()
            work()
            self.wait()
            times.append(time.monotonic() - begin)
        return times

    def slowest(self, times):
        """Of every repeat the time of its slowest rank."""
        tensor = self.torch.tensor(times, dtype=self.torch.float64, device=self.device)
        self.dist.all_reduce(tensor, op=self.dist.ReduceOp.MAX)
        return tensor.tolist()

    def total(self, number):
        """Sum over all ranks, and never less than what this rank knows itself."""
        tensor = self.torch.tensor([number], dtype=self.torch.int64, device=self.device)
        self.dist.all_reduce(tensor)
        return max(int(tensor.item()), number)

    def gathered(self, number):
        """One number of every rank, in the order of ranks."""
        own = self.torch.tensor([number], dtype=self.torch.float64, device=self.device)
        all_ = [self.torch.empty_like(own) for _ in range(self.ranks)]
        self.dist.all_gather(all_, own)
        return [tensor.item() for tensor in all_]


def allreduce(bench, count):
    """All-reduce in place. Work adds up again and again; the check begins anew with a fresh message."""
    scratch = bench.filled(count, 0)

    def work():
        bench.dist.all_reduce(scratch)

    def check():
        bench.fill(scratch, bench.rank)
        bench.dist.all_reduce(scratch)
        shift = bench.ranks * (bench.ranks - 1) // 2
        return bench.wrong(scratch, lambda start, n: bench.pattern(start, n) * bench.ranks + shift)

    return work, check


def allgather(bench, count):
    """All-gather: everybody's share, one after the other."""
    share = count // bench.ranks
    own = bench.filled(share, bench.rank)
    out = bench.torch.empty(share * bench.ranks, dtype=bench.torch.float32, device=bench.device)

    def work():
        bench.dist.all_gather_into_tensor(out, own)

    def check():
        work()
        parts = out.view(bench.ranks, share)
        return sum(bench.wrong(parts[r], shifted(bench, r)) for r in range(bench.ranks))

    return work, check


def shifted(bench, shift, start_at=0):
    """The pattern from a place on plus a shift, as `Bench.wrong` wants it."""
    return lambda start, n: bench.pattern(start_at + start, n) + shift


def reducescatter(bench, count):
    """Reduce-scatter: everybody gets the sum of one share."""
    share = count // bench.ranks
    message = bench.filled(share * bench.ranks, bench.rank)
    out = bench.torch.empty(share, dtype=bench.torch.float32, device=bench.device)

    def work():
        bench.dist.reduce_scatter_tensor(out, message)

    def check():
        work()
        shift = bench.ranks * (bench.ranks - 1) // 2
        first = bench.rank * share
        return bench.wrong(out, lambda start, n: bench.pattern(first + start, n) * bench.ranks + shift)

    return work, check


def alltoall(bench, count):
    """All-to-all: share r of everybody goes to rank r."""
    share = count // bench.ranks
    message = bench.filled(share * bench.ranks, bench.rank)
    out = bench.torch.empty_like(message)

    def work():
        bench.dist.all_to_all_single(out, message)

    def check():
        work()
        parts = out.view(bench.ranks, share)
        first = bench.rank * share
        return sum(bench.wrong(parts[r], shifted(bench, r, first)) for r in range(bench.ranks))

    return work, check


def sendrecv(bench, count):
    """A ring of neighbours: everybody sends to the next and receives from the one before."""
    message = bench.filled(count, bench.rank)
    out = bench.torch.empty_like(message)
    following, before = (bench.rank + 1) % bench.ranks, (bench.rank - 1) % bench.ranks

    def work():
        pair = [
            bench.dist.P2POp(bench.dist.isend, message, following),
            bench.dist.P2POp(bench.dist.irecv, out, before),
        ]
        for request in bench.dist.batch_isend_irecv(pair):
            request.wait()

    def check():
        work()
        return bench.wrong(out, shifted(bench, before))

    return work, check


COLLECTIVES = {
    "allreduce": allreduce,
    "allgather": allgather,
    "reducescatter": reducescatter,
    "alltoall": alltoall,
    "sendrecv": sendrecv,
}
