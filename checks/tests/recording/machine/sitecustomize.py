"""Read by Python before anything else: what the scripts see of kernel, host and time is the make-believe machine's."""

import builtins
import ctypes
import glob
import os
import socket
import threading
import time

import clock

ROOT = os.environ["MACHINE_ROOT"]
#: What the machine answers itself; everything else is this computer's.
OWN = ("/sys/class/", "/dev/kmsg", "/dev/nvidia", "/proc/sys/kernel/random/boot_id")
CPUS = 192
PAGES = 1999 * 2**30 // 4096
CLOCK_ERROR_US = 1200
RESOLVE_SECONDS = 0.0021
#: Shorter sleeps wait for programs, which are real.
LONG_SLEEP = 0.5


def inside(path):
    """Where the machine keeps this path."""
    return ROOT + path if isinstance(path, str) and path.startswith(OWN) else path


def redirected(function):
    """The same function, its first argument a path of the machine."""
    return lambda path, *rest, **named: function(inside(path), *rest, **named)


class Libc:
    """The C library, as far as the scripts call it."""

    def __init__(self, *_, **__):
        pass

    def adjtimex(self, state):
        state._obj.maxerror = CLOCK_ERROR_US
        return 0


class Timer:
    """Fires at once, and is done: two threads at one clock would not do the same each time."""

    def __init__(self, interval, function):
        self.function = function

    def start(self):
        self.function()

    def is_alive(self):
        return False

    def join(self):
        pass


def resolve(*_, **__):
    clock.advance(RESOLVE_SECONDS)
    return []


real_sleep, real_glob, real_sysconf = time.sleep, glob.glob, os.sysconf
time.monotonic = clock.now
time.sleep = lambda seconds: clock.advance(seconds) if seconds >= LONG_SLEEP else real_sleep(seconds)
builtins.open = redirected(builtins.open)
os.open, os.listdir = redirected(os.open), redirected(os.listdir)
os.path.exists, os.path.isdir = redirected(os.path.exists), redirected(os.path.isdir)
glob.glob = lambda pattern, **named: real_glob(inside(pattern), **named)
os.cpu_count = lambda: CPUS
os.sysconf = lambda name: PAGES if name == "SC_PHYS_PAGES" else 4096 if name == "SC_PAGE_SIZE" else real_sysconf(name)
ctypes.CDLL = Libc
socket.getaddrinfo = resolve
threading.Timer = Timer
