"""Instance store disks, and how fast a folder reads and writes: with fio where the image has it, else with O_DIRECT here."""

import json
import mmap
import os
import random
import threading
import time

from report import CheckError, parsing
from system import read
from tools import find, run, said

NVME = "/sys/class/nvme"
INSTANCE_STORE = "Amazon EC2 NVMe Instance Storage"
SECONDS = {"quick": 5, "standard": 15, "deep": 60}
JOBS = 8
FILE_BYTES = 1 << 30
#: Name, fio's mode, block size, and what is read off it.
RUNS = (("write", "write", 1 << 20), ("read", "read", 1 << 20), ("random", "randread", 4 << 10))


def instance_disks(root=NVME):
    """Name and size in bytes of the instance store disks; EBS volumes have another model name."""
    disks = []
    for controller in sorted(os.listdir(root)) if os.path.isdir(root) else []:
        if read(os.path.join(root, controller, "model")) != INSTANCE_STORE:
            continue
        space = os.path.join(root, controller, controller + "n1", "size")
        sectors = read(space)
        disks.append((controller, int(sectors) * 512 if sectors else 0))
    return disks


def measure_count(report, level):
    """Part nvme.count."""
    disks = instance_disks()
    report.add("nvme.count", len(disks))
    if disks:
        report.add("nvme.size.gb", sum(size for _, size in disks) / 1e9)


def parse_fio(text):
    """JSON of `fio --output-format=json` with one group → bandwidths in bytes/s, operations/s, 99th percentile in ms."""
    start = text.find("{")
    if start < 0:
        raise CheckError("parse", "fio: %s" % text.strip()[:100])
    with parsing("fio"):
        job = json.loads(text[start:])["jobs"][0]
        if job["error"]:
            raise CheckError("failed", "fio: error %s" % job["error"])
        direction = job["write"] if job["write"]["io_bytes"] else job["read"]
        if not direction["io_bytes"]:
            raise CheckError("failed", "fio moved no byte")
        percentiles = direction["clat_ns"].get("percentile", {})
        return {
            "bytes_s": float(direction["bw_bytes"]),
            "iops": float(direction["iops"]),
            "p99_ms": percentiles["99.000000"] / 1e6 if "99.000000" in percentiles else None,
        }


def run_fio(folder, mode, block, seconds):
    """One run of fio over the same files."""
    command = ["fio", "--name=check", "--directory=" + folder, "--rw=" + mode, "--bs=%d" % block]
    command += ["--size=%d" % FILE_BYTES, "--numjobs=%d" % JOBS, "--ioengine=libaio", "--iodepth=16", "--direct=1"]
    command += ["--time_based", "--runtime=%d" % seconds, "--group_reporting", "--output-format=json"]
    output = run(command, seconds * 4 + 60)
    if output.code != 0:
        raise CheckError("failed", said("fio", output))
    return parse_fio(output.out)


def percentile(values, share):
    """Nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def run_direct(folder, mode, block, seconds):
    """Eight threads with O_DIRECT, for images without fio. Deeper queues than one per thread need fio."""
    threads = [Direct(os.path.join(folder, "check.%d.0" % job), mode, block, seconds) for job in range(JOBS)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.monotonic() - begin
    for thread in threads:
        if thread.problem:
            raise CheckError("failed", "O_DIRECT %s: %s" % (mode, thread.problem))
    waits = [wait for thread in threads for wait in thread.waits]
    return {
        "bytes_s": len(waits) * block / elapsed,
        "iops": len(waits) / elapsed,
        "p99_ms": percentile(waits, 0.99) * 1e3,
    }


class Direct(threading.Thread):
    """Reads or writes one file past the page cache until its time is over."""

    def __init__(self, path, mode, block, seconds):
        super().__init__()
        self.path = path
        self.mode = mode
        self.block = block
        self.seconds = seconds
        self.waits = []
        self.problem = None

    def run(self):
        """The thread; what goes wrong is told by `problem`."""
        try:
            self.move()
        except OSError as error:
            self.problem = error.strerror

    def move(self):
        """One block after the other; a buffer of mmap is aligned as O_DIRECT wants it."""
        buffer = mmap.mmap(-1, self.block)
        buffer.write(os.urandom(min(self.block, 4096)) * (self.block // min(self.block, 4096)))
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o600)
        try:
            blocks = self.blocks(file)
            deadline = time.monotonic() + self.seconds
            number = 0
            while time.monotonic() < deadline:
                place = random.randrange(blocks) if self.mode == "randread" else number % blocks
                begin = time.monotonic()
                if self.mode == "write":
                    os.pwritev(file, [buffer], place * self.block)
                elif os.preadv(file, [buffer], place * self.block) != self.block:
                    raise OSError(5, "short read")
                self.waits.append(time.monotonic() - begin)
                number += 1
        finally:
            os.close(file)

    def blocks(self, file):
        """Blocks of the file: a full gigabyte to write, what is there to read."""
        size = FILE_BYTES if self.mode == "write" else os.fstat(file).st_size
        if size < self.block:
            raise OSError(5, "nothing was written to read")
        return size // self.block


def measure_folder(report, area, folder, level):
    """Writes, reads, and reads here and there in a folder of its own, which is gone afterwards."""
    own = os.path.join(folder, ".aicluster-check-%s-%d" % (os.environ.get("NODE_NAME", "here"), os.getpid()))
    try:
        os.makedirs(own)
    except OSError as error:
        raise CheckError("failed", "%s: %s" % (own, error.strerror))
    try:
        measure_runs(report, area, own, level)
    finally:
        for name in os.listdir(own):
            os.unlink(os.path.join(own, name))
        os.rmdir(own)


def measure_runs(report, area, folder, level):
    """The three runs, by fio or by ourselves; their names differ, so that the two are never compared."""
    try:
        find("fio")
        tool, runner = "fio", run_fio
    except CheckError:
        tool, runner = "direct", run_direct
    for name, mode, block in RUNS:
        result = runner(folder, mode, block, SECONDS[level])
        if name != "random":
            report.add("%s.%s.%s.gb_s" % (area, tool, name), result["bytes_s"] / 1e9)
            continue
        report.add("%s.%s.read.iops" % (area, tool), result["iops"])
        if result["p99_ms"] is not None:
            report.add("%s.%s.read.p99.ms" % (area, tool), result["p99_ms"])


def measure_nvme(report, level):
    """Part nvme.speed."""
    measure_folder(report, "nvme", os.environ["NVME_DIR"], level)


def measure_shared(report, level):
    """Part shared.speed."""
    measure_folder(report, "shared", os.environ["SHARED_DIR"], level)
