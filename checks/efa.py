"""EFA: how many devices libfabric sees, how fast each talks to itself, and what its counters say."""

import os
import re
import time

from report import CheckError
from tools import finish, run, said, start, stop

INFO_SECONDS = 30
COUNT_TRIES = 3
COUNT_PAUSE_SECONDS = 5
PINGPONG_SECONDS = 30
PINGPONG_PORT = 47600
CLASS = "/sys/class/infiniband"
#: fi_getinfo's word for "there is none".
NO_DATA = 61

#: Measurement and the counters of the driver that add up to it.
COUNTERS = (
    ("efa.rx_drops.count", ("rx_drops",)),
    ("efa.rdma_errors.count", ("rdma_read_wr_err", "rdma_write_wr_err")),
    ("efa.retransmits.count", ("retrans_pkts",)),
    ("efa.retransmit_timeouts.count", ("retrans_timeout_events",)),
    ("efa.unresponsive.count", ("unresponsive_remote_events",)),
    ("efa.impaired.count", ("impaired_remote_conn_events",)),
)


def parse_info(text):
    """`fi_info` → domains of the RDM endpoints of provider efa, each once.

    Newer libfabrics list every device twice (fabrics `efa-direct` and `efa`), older ones once: lines divided by two would
    be wrong for one of them, different domains are right for both.
    """
    domains, provider, domain = [], None, None
    for line in text.splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "provider":
            provider, domain = value, None
        elif key == "domain":
            domain = value
        elif key == "type" and value == "FI_EP_RDM" and provider == "efa" and domain and domain not in domains:
            domains.append(domain)
    return domains


def domains():
    """Domains that fi_info names. None at all is an answer if this libfabric knows EFA, and a missing tool if not."""
    output = run(["fi_info", "-p", "efa", "-t", "FI_EP_RDM"], INFO_SECONDS)
    if output.code == 0:
        found = parse_info(output.out)
        if not found:
            raise CheckError("parse", "fi_info: %s" % output.out[:100])
        return found
    if output.code == NO_DATA:
        if "efa" not in run(["fi_info", "-l"], INFO_SECONDS).out:
            raise CheckError("missing-tool", "libfabric without provider efa")
        return []
    raise CheckError("failed", said("fi_info", output))


def measure_count(report, level):
    """Part efa.count. Devices may appear late on a fresh instance, so it looks again while their number grows."""
    found = domains()
    for _ in range(COUNT_TRIES - 1):
        time.sleep(COUNT_PAUSE_SECONDS)
        again = domains()
        if len(again) <= len(found):
            break
        found = again
    report.add("efa.count", len(found))


UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
PINGPONG_LINE = re.compile(
    r"^(\d{1,12})([kmg]?)\s+\S+\s+\S+\s+\S+\s+[\d.]+s\s+(\d{1,12}(?:\.\d{1,9})?)\s+[\d.]+\s+[\d.]+\s*$"
)


def parse_pingpong(text):
    """Table of `fi_pingpong` → Gbit/s of its largest size."""
    best = None
    for line in text.splitlines():
        found = PINGPONG_LINE.match(line.strip())
        if found:
            size = int(found.group(1)) * UNITS.get(found.group(2), 1)
            if best is None or size > best[0]:
                best = (size, float(found.group(3)))
    if best is None:
        raise CheckError("parse", "fi_pingpong: %s" % text.strip()[:100])
    return best[1] * 8 / 1000


def pingpong(domain, port):
    """Gbit/s of one device with itself; through the device, not through shared memory."""
    environment = dict(os.environ, FI_EFA_ENABLE_SHM_TRANSFER="0")
    common = ["fi_pingpong", "-p", "efa", "-e", "rdm", "-d", domain, "-I", "100"]
    server = start(common + ["-B", str(port)], environment)
    try:
        time.sleep(1)
        client = start(common + ["-P", str(port), "127.0.0.1"], environment)
        output = finish(client, "fi_pingpong " + domain, PINGPONG_SECONDS)
    finally:
        stop(server)
    if output.code != 0:
        raise CheckError("failed", said("fi_pingpong " + domain, output))
    return parse_pingpong(output.out)


def measure_pingpong(report, level):
    """Part efa.pingpong: one device after the other. One that does not answer does not hide the others."""
    found = domains()
    speeds, problem = [], None
    for number, domain in enumerate(found):
        try:
            speeds.append((pingpong(domain, PINGPONG_PORT + number), domain))
        except CheckError as error:
            problem = problem or error
    report.add("efa.pingpong.count", len(speeds))
    if speeds:
        report.add("efa.pingpong.gbit_s", *min(speeds))
    if problem:
        raise problem


def read_counters(root=CLASS):
    """Sums of the driver's counters over all EFA devices (`vendor` 0x1d0f); what no device has is absent."""
    if not os.path.isdir(root):
        raise CheckError("missing-tool", root)
    sums = {}
    for device in sorted(os.listdir(root)):
        if not is_efa(os.path.join(root, device)):
            continue
        ports = os.path.join(root, device, "ports")
        for port in sorted(os.listdir(ports)):
            add_port(sums, os.path.join(ports, port, "hw_counters"))
    if not sums:
        raise CheckError("missing-tool", "no hw_counters under " + root)
    return sums


def is_efa(device):
    """Whether a device of the RDMA class is an EFA."""
    try:
        with open(os.path.join(device, "device", "vendor")) as file:
            return file.read().strip() == "0x1d0f"
    except OSError:
        return False


def add_port(sums, folder):
    """Adds the counters of one port."""
    for name in (name for _, names in COUNTERS for name in names):
        try:
            with open(os.path.join(folder, name)) as file:
                sums[name] = sums.get(name, 0) + int(file.read())
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise CheckError("parse", "%s/%s: %s" % (folder, name, error))


def add_increase(report, before, after):
    """What the counters rose by while the check ran."""
    for name, counters in COUNTERS:
        known = [counter for counter in counters if counter in before and counter in after]
        if known:
            report.add(name, sum(max(0, after[counter] - before[counter]) for counter in known))
