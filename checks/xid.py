"""XID and SXid lines of the kernel's log: the driver's own words about a GPU or an NVSwitch since the boot."""

import errno
import os
import re

from report import CheckError

KMSG = "/dev/kmsg"
XID = re.compile(r"NVRM: Xid \(PCI:([0-9a-fA-F:.]+)\): (\d{1,9})\b")
SXID = re.compile(r"nvidia-nvswitch\d+: SXid \(PCI:([0-9a-fA-F:.]+)\): (\d{1,9})\b")
#: Newer drivers say this over several lines and without an XID.
LOST = re.compile(r"NVRM: .*fallen off the bus")
RECORD_BYTES = 8192


def parse_lines(lines):
    """Kernel lines (with or without the prefix of /dev/kmsg) → counts of XIDs, SXids and GPUs said to be lost."""
    xids, sxids, lost = {}, {}, 0
    for line in lines:
        xid, sxid = XID.search(line), SXID.search(line)
        if xid:
            xids[int(xid.group(2))] = xids.get(int(xid.group(2)), 0) + 1
        elif sxid:
            sxids[int(sxid.group(2))] = sxids.get(int(sxid.group(2)), 0) + 1
        elif LOST.search(line):
            lost += 1
    return xids, sxids, lost


def add_lines(report, lines):
    """One measurement per code that was seen, and the totals."""
    xids, sxids, lost = parse_lines(lines)
    report.add("gpu.xid.lines.count", sum(xids.values()))
    report.add("gpu.sxid.lines.count", sum(sxids.values()))
    report.add("gpu.lost.lines.count", lost)
    for code in sorted(xids):
        report.add("gpu.xid.%d.count" % code, xids[code])


def read_kmsg(path=KMSG):
    """All records that the kernel still has. A record that was overwritten while we read (EPIPE) is skipped."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise CheckError("missing-tool", path)
    except OSError as error:
        raise CheckError("failed", "%s: %s" % (path, error.strerror))
    lines = []
    try:
        while True:
            try:
                record = os.read(file, RECORD_BYTES)
            except OSError as error:
                if error.errno == errno.EPIPE:
                    continue
                if error.errno == errno.EAGAIN:
                    return lines
                raise CheckError("failed", "%s: %s" % (path, error.strerror))
            if not record:
                return lines
            lines.extend(record.decode("utf-8", "replace").splitlines())
    finally:
        os.close(file)


def measure(report, level):
    """Part gpu.xid."""
    add_lines(report, read_kmsg())
