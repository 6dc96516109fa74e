"""Trainium and Inferentia: what neuron-ls, neuron-monitor and nccom-test say. Parsers are pure."""

import json
import time

from report import CheckError
from tools import finish, run_well, start, stop

LS_SECONDS = 60
MONITOR_SECONDS = 30
NCCOM_SECONDS = 300
#: Measurement and field of neuron-monitor's ECC counters.
ECC = (
    ("neuron.ecc.memory.corrected.count", "mem_ecc_corrected"),
    ("neuron.ecc.memory.uncorrected.count", "mem_ecc_uncorrected"),
    ("neuron.ecc.sram.corrected.count", "sram_ecc_corrected"),
    ("neuron.ecc.sram.uncorrected.count", "sram_ecc_uncorrected"),
)


def parse_devices(text):
    """`neuron-ls --json-output` → the list of devices."""
    try:
        devices = json.loads(text)
    except ValueError as error:
        raise CheckError("parse", "neuron-ls: %s" % error)
    if not isinstance(devices, list) or not all(isinstance(device, dict) for device in devices):
        raise CheckError("parse", "neuron-ls: no list of devices")
    return devices


def add_devices(report, devices):
    """Counts and minima over the devices."""
    report.add("neuron.count", len(devices))
    if not devices:
        return
    try:
        report.add("neuron.cores.count", sum(device["nc_count"] for device in devices))
        memory = min((device["memory_size"], device["neuron_device"]) for device in devices)
        links = min((len(device.get("connected_to") or []), device["neuron_device"]) for device in devices)
        busy = sum(len(device.get("neuron_processes") or []) for device in devices)
    except (KeyError, TypeError) as error:
        raise CheckError("parse", "neuron-ls: %r" % error)
    report.add("neuron.memory.gib", memory[0] / 2**30, memory[1])
    report.add("neuron.links.count", *links)
    report.add("neuron.busy.count", busy)


def measure_devices(report, level):
    """Part neuron.inventory."""
    add_devices(report, parse_devices(run_well(["neuron-ls", "--json-output"], LS_SECONDS)))


def parse_monitor(text):
    """First report of neuron-monitor → ECC counters per device."""
    try:
        counters = json.loads(text)["system_data"]["neuron_hw_counters"]
        devices = counters["neuron_devices"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckError("parse", "neuron-monitor: %r" % error)
    if counters.get("error"):
        raise CheckError("failed", "neuron-monitor: %s" % counters["error"])
    if not devices:
        raise CheckError("parse", "neuron-monitor: no devices")
    return devices


def add_ecc(report, devices):
    """Sums; a counter that this version does not have is absent."""
    for name, field in ECC:
        found = [(device[field], device.get("neuron_device_index")) for device in devices if field in device]
        if found:
            worst = max(found, key=lambda pair: pair[0])
            report.add(name, sum(count for count, _ in found), worst[1] if worst[0] > 0 else None)


def measure_monitor(report, level):
    """Part neuron.monitor. It reports for ever, one line a period: the first line is enough."""
    process = start(["neuron-monitor"])
    deadline = time.monotonic() + MONITOR_SECONDS
    try:
        line = process.stdout.readline()
        while not line.strip() and process.poll() is None and time.monotonic() < deadline:
            line = process.stdout.readline()
    finally:
        stop(process)
    if not line.strip():
        raise CheckError("failed", "neuron-monitor said nothing")
    add_ecc(report, parse_monitor(line))


def parse_nccom(text):
    """Table of nccom-test → busbw of its largest size, in GB/s."""
    head, best = None, None
    for line in text.splitlines():
        cells = line.split()
        if "busbw(GB/s)" in cells:
            head = cells
        elif head and len(cells) == len(head) and cells[0].isdigit():
            row = dict(zip(head, cells))
            if best is None or int(row["size(B)"]) > best[0]:
                best = (int(row["size(B)"]), float(row["busbw(GB/s)"]))
    if best is None:
        raise CheckError("parse", "nccom-test: %s" % text.strip()[:100])
    return best[1]


def measure_nccom(report, level):
    """Part neuron.nccom: all-reduce over all cores of the node."""
    devices = parse_devices(run_well(["neuron-ls", "--json-output"], LS_SECONDS))
    cores = sum(device.get("nc_count", 0) for device in devices)
    command = ["nccom-test", "-r", str(cores), "-b", "256MB", "-e", "256MB", "allr"]
    output = finish(start(command), "nccom-test", NCCOM_SECONDS)
    if output.code != 0:
        raise CheckError("failed", "nccom-test: exit %s: %s" % (output.code, (output.err or output.out).strip()[-100:]))
    report.add("neuron.allreduce.busbw.gb_s", parse_nccom(output.out))
