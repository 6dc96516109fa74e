"""Write here, read there: every node writes a file on the shared volume and reads the files of all others."""

import hashlib
import os
import time

from report import CheckError

FILE_BYTES = 8 << 20
WAIT_SECONDS = 60
PAUSE_SECONDS = 0.05


def content(test, node, size=FILE_BYTES):
    """What a node writes: bytes that follow from the names of test and node, so that the reader can compute them."""
    block = b"".join(hashlib.sha256(("%s/%s/%d" % (test, node, i)).encode()).digest() for i in range(128))
    return (block * (size // len(block) + 1))[:size]


def write(folder, test, node):
    """Writes a node's file whole and durable, then announces it with a second, tiny file."""
    path = os.path.join(folder, "%s.bytes" % node)
    with open(path, "wb") as file:
        file.write(content(test, node))
        file.flush()
        os.fsync(file.fileno())
    announce = os.path.join(folder, "%s.written" % node)
    with open(announce + ".part", "w") as file:
        file.write(repr(time.time()))
        file.flush()
        os.fsync(file.fileno())
    os.rename(announce + ".part", announce)


def wait_for(path, deadline):
    """Waits until a file is there."""
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise CheckError("timeout", "%s did not come" % os.path.basename(path))
        time.sleep(PAUSE_SECONDS)


def read_other(folder, test, node, deadline):
    """Reads the file of another node: (differs, ms from its announcement being seen to its last byte being right)."""
    wait_for(os.path.join(folder, "%s.written" % node), deadline)
    seen = time.monotonic()
    expected = content(test, node)
    while True:
        try:
            with open(os.path.join(folder, "%s.bytes" % node), "rb") as file:
                found = file.read()
        except OSError:
            found = b""
        if found == expected:
            return False, (time.monotonic() - seen) * 1e3
        if time.monotonic() > deadline:
            return True, None
        time.sleep(PAUSE_SECONDS)


def exchange(report, folder, test, node, others):
    """Part shared.exchange. `test` names the round, so that files of an earlier one are never taken for new."""
    try:
        os.makedirs(folder, exist_ok=True)
        write(folder, test, node)
    except OSError as error:
        raise CheckError("failed", "%s: %s" % (folder, error.strerror))
    deadline = time.monotonic() + WAIT_SECONDS
    wrong, slowest = 0, 0.0
    for other in others:
        differs, elapsed = read_other(folder, test, other, deadline)
        wrong += 1 if differs else 0
        slowest = max(slowest, elapsed or 0.0)
    report.add("shared.wrong.count", wrong)
    if wrong < len(others):
        report.add("shared.visible.ms", slowest)
