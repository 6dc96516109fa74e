"""Trainium and Inferentia: what neuron-ls, neuron-monitor and nccom-test say. Parsers are pure."""

import json
import time

from report import CheckError, parsing
from tools import run_well, start, stop

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
    with parsing("neuron-ls"):
        return [
            {
                "index": device["neuron_device"],
                "cores": int(device["nc_count"]),
                "gib": device["memory_size"] / 2**30,
                "links": len(device.get("connected_to") or []),
                "busy": len(device.get("neuron_processes") or []),
            }
            for device in json.loads(text)
        ]


def add_devices(report, devices):
    """Counts and minima over the devices."""
    report.add("neuron.count", len(devices))
    if not devices:
        return
    report.add("neuron.cores.count", sum(device["cores"] for device in devices))
    smallest = min(devices, key=lambda device: device["gib"])
    report.add("neuron.memory.gib", smallest["gib"], smallest["index"])
    loneliest = min(devices, key=lambda device: device["links"])
    report.add("neuron.links.count", loneliest["links"], loneliest["index"])
    report.add("neuron.busy.count", sum(device["busy"] for device in devices))


def measure_devices(report, level):
    """Part neuron.inventory."""
    add_devices(report, parse_devices(run_well(["neuron-ls", "--json-output"], LS_SECONDS)))


def parse_monitor(text):
    """First report of neuron-monitor → {measurement: (sum over the devices, the worst of them)}."""
    with parsing("neuron-monitor"):
        counters = json.loads(text)["system_data"]["neuron_hw_counters"]
        if counters.get("error"):
            raise CheckError("failed", "neuron-monitor: %s" % counters["error"])
        devices = counters["neuron_devices"]
        sums = {}
        for name, field in ECC:
            found = [(int(device[field]), device["neuron_device_index"]) for device in devices if field in device]
            if found:
                sums[name] = (sum(count for count, _ in found), max(found, key=lambda pair: pair[0])[1])
    if not sums:
        raise CheckError("parse", "neuron-monitor: no counters")
    return sums


def add_ecc(report, sums):
    """Sums; a counter that this version does not have is absent."""
    for name, (total, worst) in sums.items():
        report.add(name, total, worst if total else None)


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
        elif head and len(cells) == len(head):
            with parsing("nccom-test"):
                row = dict(zip(head, cells))
                found = (int(row["size(B)"]), float(row["busbw(GB/s)"]))
                best = found if best is None or found[0] > best[0] else best
    if best is None:
        raise CheckError("parse", "nccom-test: %s" % text.strip()[:100])
    return best[1]


def measure_nccom(report, level):
    """Part neuron.nccom: all-reduce over all cores of the node."""
    devices = parse_devices(run_well(["neuron-ls", "--json-output"], LS_SECONDS))
    cores = sum(device["cores"] for device in devices)
    said = run_well(["nccom-test", "-r", str(cores), "-b", "256MB", "-e", "256MB", "allr"], NCCOM_SECONDS)
    report.add("neuron.allreduce.busbw.gb_s", parse_nccom(said))
