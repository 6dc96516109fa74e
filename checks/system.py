"""The host around the accelerators: clock, names, MTU, size. Standard library only."""

import ctypes
import os
import socket
import time

from report import CheckError
from tools import run_well

DNS_TRIES = 3
DNS_NAMES = "kubernetes.default.svc"
NET = "/sys/class/net"
TIME_ERROR = 5  # TIME_ERROR of adjtimex(2): the clock is not synchronized.
STA_UNSYNC = 0x40


class Timex(ctypes.Structure):
    """struct timex of adjtimex(2) on 64-bit Linux, as far as we read it; the rest is room for the kernel."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    ]


def measure_clock(report, level):
    """Part host.clock: what the kernel knows about its own clock; reading needs no rights."""
    state = Timex()
    libc = ctypes.CDLL(None, use_errno=True)
    code = libc.adjtimex(ctypes.byref(state))
    if code < 0:
        raise CheckError("failed", "adjtimex: %s" % os.strerror(ctypes.get_errno()))
    add_clock(report, code, state.status, state.maxerror)


def add_clock(report, code, status, max_error_us):
    """Synchronized or not, and the kernel's own bound of the error."""
    report.add("host.clock.synced.count", 0 if code == TIME_ERROR or status & STA_UNSYNC else 1)
    report.add("host.clock.max_error.ms", max_error_us / 1e3)


def parse_tracking(text):
    """`chronyc -c tracking` → ms between the clock and NTP time, without sign. 14 columns, 13 before chrony 4."""
    cells = text.strip().split(",")
    if len(cells) not in (13, 14):
        raise CheckError("parse", "chronyc: %s" % text.strip()[:100])
    if cells[-1].strip() == "Not synchronised":
        raise CheckError("failed", "chronyc: not synchronised")
    try:
        return abs(float(cells[len(cells) - 10])) * 1e3
    except ValueError:
        raise CheckError("parse", "chronyc: %s" % text.strip()[:100])


def measure_chrony(report, level):
    """Part host.clock.chrony."""
    report.add("host.clock.offset.ms", parse_tracking(run_well(["chronyc", "-c", "tracking"], 10)))


def measure_dns(report, level):
    """Part net.dns: the slowest of the names, three tries each."""
    slowest, lost = 0.0, 0
    for name in os.environ.get("DNS_NAMES", DNS_NAMES).split():
        seconds = resolve(name)
        if seconds is None:
            lost += 1
        else:
            slowest = max(slowest, seconds)
    report.add("net.dns.lost.count", lost)
    if slowest:
        report.add("net.dns.ms", slowest * 1e3)


def resolve(name):
    """Seconds until a name resolved, None when it did not in three tries."""
    for _ in range(DNS_TRIES):
        begin = time.monotonic()
        try:
            socket.getaddrinfo(name, None)
            return time.monotonic() - begin
        except OSError:
            time.sleep(0.2)
    return None


def read(path):
    """A short file of /sys, stripped; None when it is not there or does not answer."""
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return None


def mtus(root=NET):
    """MTU of every physical interface that is up."""
    found = []
    for name in sorted(os.listdir(root)) if os.path.isdir(root) else []:
        if not os.path.exists(os.path.join(root, name, "device")):
            continue
        if read(os.path.join(root, name, "operstate")) == "up":
            found.append((int(read(os.path.join(root, name, "mtu"))), name))
    return found


def measure_mtu(report, level):
    """Part net.mtu. A pod with a network of its own sees no physical interface: that is a missing tool."""
    found = mtus()
    if not found:
        raise CheckError("missing-tool", "no physical interface in sight (hostNetwork?)")
    report.add("net.mtu.bytes", *min(found))


def measure_size(report, level):
    """Part host.size."""
    report.add("host.cpu.count", os.cpu_count())
    report.add("host.memory.gib", os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
