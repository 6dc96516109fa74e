"""NVIDIA GPUs as nvidia-smi tells: inventory, ECC, row remapping, clocks, throttling, PCIe, NVLink. Parsers are pure."""

import re
from functools import partial

from report import CheckError
from tools import run, said

QUERY_SECONDS = 40

IDENTITY = ("index", "name", "uuid", "serial", "driver_version")
#: Measurement, field of `--query-gpu`, and how the values of all GPUs become one.
VALUES = (
    ("gpu.memory.mib", "memory.total", min),
    ("gpu.ecc.volatile.uncorrected.count", "ecc.errors.uncorrected.volatile.total", sum),
    ("gpu.ecc.volatile.corrected.count", "ecc.errors.corrected.volatile.total", sum),
    ("gpu.ecc.aggregate.uncorrected.count", "ecc.errors.uncorrected.aggregate.total", max),
    ("gpu.ecc.aggregate.sram.uncorrected.count", "ecc.errors.uncorrected.aggregate.sram", max),
    ("gpu.retired.double_bit.count", "retired_pages.double_bit.count", max),
    ("gpu.temperature.c", "temperature.gpu", max),
    ("gpu.memory.temperature.c", "temperature.memory", max),
    ("gpu.power.limit.w", "power.limit", min),
    ("gpu.clock.max.sm.mhz", "clocks.max.sm", min),
    ("gpu.clock.app.sm.mhz", "clocks.applications.graphics", min),
    ("gpu.clock.app.memory.mhz", "clocks.applications.memory", min),
    ("gpu.pcie.lanes", "pcie.link.width.current", min),
    ("gpu.pcie.max.gen", "pcie.link.gen.max", min),
)
#: Measurement, field, and the words that count a GPU.
STATES = (
    ("gpu.ecc.off.count", "ecc.mode.current", ("disabled",)),
    ("gpu.mig.on.count", "mig.mode.current", ("enabled",)),
    ("gpu.retired.pending.count", "retired_pages.pending", ("yes",)),
)
FABRIC = "fabric.state"
REASONS = "clocks_event_reasons.active"
OLD_REASONS = "clocks_throttle_reasons.active"
#: nvmlClocksEventReason…: HwSlowdown, HwThermalSlowdown, HwPowerBrakeSlowdown; SwThermalSlowdown.
HARDWARE_SLOWDOWN = 0x08 | 0x40 | 0x80
SOFTWARE_THERMAL = 0x20

LOAD_VALUES = (
    ("gpu.load.temperature.c", "temperature.gpu", max),
    ("gpu.load.clock.sm.mhz", "clocks.current.sm", min),
    ("gpu.load.power.w", "power.draw", max),
    ("gpu.load.pcie.gen", "pcie.link.gen.current", min),
)

INVENTORY_FIELDS = IDENTITY + tuple(row[1] for row in VALUES) + tuple(row[1] for row in STATES) + (FABRIC, REASONS)
LOAD_FIELDS = ("index", "uuid") + tuple(row[1] for row in LOAD_VALUES) + (REASONS,)

REMAP_FIELDS = (
    "gpu_uuid",
    "remapped_rows.correctable",
    "remapped_rows.uncorrectable",
    "remapped_rows.pending",
    "remapped_rows.failure",
)

UNKNOWN_FIELD = re.compile(r'Field "([^"]+)" is not a valid field to query')
NUMBER = re.compile(r"^(0x[0-9a-f]{1,16}|-?[0-9]{1,15}(\.[0-9]{1,9})?)$")
#: What stands where a GPU has no such thing; anything else that is no number is not understood.
ABSENT = ("n/a", "not supported", "not available", "unknown", "requested functionality has been deprecated")


def parse_rows(text, fields):
    """Rows of `--format=csv,noheader,nounits` as dictionaries; sentences between the rows come back as complaints."""
    rows, complaints = [], []
    for line in text.splitlines():
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == len(fields):
            rows.append(dict(zip(fields, cells)))
        else:
            complaints.append(line.strip())
    return rows, complaints


def parse_cell(cell):
    """A number, or None where the GPU has no such thing (`[N/A]`, `[Not Supported]`)."""
    word = cell.strip().strip("[]").lower()
    if word in ABSENT:
        return None
    if not NUMBER.match(word):
        raise CheckError("parse", "nvidia-smi says %r" % cell)
    return int(word, 16) if word.startswith("0x") else float(word)


def numbers(rows, field):
    """The numbers of one field with the index of their GPU."""
    found = [(parse_cell(row[field]), row["index"]) for row in rows if field in row]
    return [(value, place(index)) for value, index in found if value is not None]


def place(index):
    """Index of a GPU as a number where it is one."""
    return int(index) if index.isdigit() else index


def all_of(steps):
    """Takes every step, and tells of the first that failed only then: one odd cell must not hide the other fields."""
    problem = None
    for step in steps:
        try:
            step()
        except CheckError as error:
            problem = problem or error
    if problem:
        raise problem


def add_values(report, rows, table):
    """One number for all GPUs per row of the table; `at` is the GPU it comes from, for the worst of many."""
    all_of([partial(add_value, report, rows, row) for row in table])


def add_value(report, rows, row):
    """One row of a table."""
    name, field, how = row
    found = numbers(rows, field)
    if not found:
        return
    if how is sum:
        worst = max(found, key=lambda pair: pair[0])
        report.add(name, sum(value for value, _ in found), worst[1] if worst[0] > 0 else None)
    else:
        value, index = how(found, key=lambda pair: pair[0])
        report.add(name, value, index)


def add_reasons(report, rows, prefix):
    """Counts the GPUs that run slower than they could, by hardware's will or for heat."""
    field = REASONS if any(REASONS in row for row in rows) else OLD_REASONS
    masks = [int(value) for value, _ in numbers(rows, field)]
    if not masks:
        return
    report.add(prefix + ".hw.count", sum(1 for mask in masks if mask & HARDWARE_SLOWDOWN))
    report.add(prefix + ".sw_thermal.count", sum(1 for mask in masks if mask & SOFTWARE_THERMAL))


def add_inventory(report, rows):
    """Everything that the big query says."""
    report.add("gpu.count", len(rows))
    if not rows:
        return
    report.add("gpu.models.count", len({row["name"] for row in rows}))
    report.head["driver"] = rows[0]["driver_version"]
    report.gpus = [identity(row) for row in rows]
    for name, field, words in STATES:
        states = [row[field].strip("[]").lower() for row in rows if field in row]
        if any(state not in ABSENT for state in states):
            report.add(name, sum(1 for state in states if state in words))
    fabric = [row[FABRIC].strip("[]").lower() for row in rows if FABRIC in row]
    if any(state not in ABSENT for state in fabric):
        report.add("gpu.fabric.unready.count", sum(1 for state in fabric if state != "completed"))
    all_of([partial(add_values, report, rows, VALUES), partial(add_reasons, report, rows, "gpu.throttle")])


def identity(row):
    """UUID and serial number of one GPU: they outlive the instance."""
    names = {"uuid": row["uuid"]}
    if row["serial"].strip("[]").lower() not in ABSENT:
        names["serial"] = row["serial"]
    return names


def parse_remapped(text):
    """Rows of `--query-remapped-rows`, and complaints."""
    return parse_rows(text, REMAP_FIELDS)


def add_remapped(report, rows):
    """Row remapping; a GPU without it (before Ampere) answers [N/A] and adds nothing."""
    rows = [dict(row, index=row["gpu_uuid"]) for row in rows]
    add_values(report, rows, (("gpu.remap.correctable.count", REMAP_FIELDS[1], max),))
    add_values(report, rows, (("gpu.remap.uncorrectable.count", REMAP_FIELDS[2], max),))
    for name, field in (("gpu.remap.pending.count", REMAP_FIELDS[3]), ("gpu.remap.failure.count", REMAP_FIELDS[4])):
        words = [row[field].strip("[]").lower() for row in rows]
        known = [word for word in words if word not in ABSENT]
        strange = [word for word in known if word not in ("yes", "no", "0", "1")]
        if strange:
            raise CheckError("parse", "%s is %r" % (field, strange[0]))
        if known:
            report.add(name, sum(1 for word in known if word in ("yes", "1")))


GPU_LINE = re.compile(r"^\s*GPU (\d+): ")
LINK_LINE = re.compile(r"^\s*Link (\d+): (<inactive>|(\d{1,6}(?:\.\d{1,9})?) GB/s)\s*$")


def parse_nvlink_status(text):
    """`nvidia-smi nvlink -s` → {GPU: [GB/s or None per link]}; an empty list: the GPU says that all its links are down."""
    links, gpu = {}, None
    for line in text.splitlines():
        start, link = GPU_LINE.match(line), LINK_LINE.match(line)
        if start:
            gpu = int(start.group(1))
        elif link and gpu is not None:
            links.setdefault(gpu, []).append(float(link.group(3)) if link.group(3) else None)
        elif "all links are inactive" in line.lower() and gpu is not None:
            links.setdefault(gpu, [])
        elif "not have or support nvlink" in line.lower() or not line.strip():
            continue
        else:
            raise CheckError("parse", "nvidia-smi nvlink -s says %r" % line.strip())
    return links


def add_nvlink_status(report, links):
    """Links up and down; a GPU without NVLink adds nothing."""
    if not links:
        return
    up = {gpu: [speed for speed in speeds if speed is not None] for gpu, speeds in links.items()}
    worst = min(up, key=lambda gpu: (len(up[gpu]), gpu))
    report.add("gpu.nvlink.up.count", len(up[worst]), worst)
    report.add("gpu.nvlink.down.count", sum(speeds.count(None) for speeds in links.values()))
    speeds = [(speed, gpu) for gpu in up for speed in up[gpu]]
    if speeds:
        report.add("gpu.nvlink.speed.gb_s", min(speeds)[0], min(speeds)[1])


ERROR_LINE = re.compile(r"^\s*Link \d+: (Replay|Recovery|CRC) Errors: (\d{1,18}|N/A)\s*$")


def parse_nvlink_errors(text):
    """`nvidia-smi nvlink -e` → sums of the three counters over all links; counters a GPU does not have are absent."""
    sums = {}
    for line in text.splitlines():
        found = ERROR_LINE.match(line)
        if found and found.group(2) != "N/A":
            kind = found.group(1).lower()
            sums[kind] = sums.get(kind, 0) + int(found.group(2))
    return sums


def query(fields, seconds=QUERY_SECONDS):
    """Asks for fields; one that this driver does not know is left out, for it would cost the whole answer."""
    fields = list(fields)
    while fields:
        output = run(["nvidia-smi", "--query-gpu=" + ",".join(fields), "--format=csv,noheader,nounits"], seconds)
        unknown = UNKNOWN_FIELD.search(output.out + output.err)
        if not unknown:
            return output, fields
        if unknown.group(1) not in fields:
            break
        at = fields.index(unknown.group(1))
        fields[at : at + 1] = [OLD_REASONS] if fields[at] == REASONS else []
    raise CheckError("failed", said("nvidia-smi", output))


def measure_inventory(report, level):
    """Part gpu.inventory."""
    output, fields = query(INVENTORY_FIELDS)
    if "No devices were found" in output.out + output.err:
        report.add("gpu.count", 0)
        return
    rows, complaints = parse_rows(output.out, fields)
    if rows:
        add_inventory(report, rows)
    if output.code != 0 or complaints or not rows:
        raise CheckError("failed", "; ".join(complaints) or said("nvidia-smi", output))


def measure_remap(report, level):
    """Part gpu.remap."""
    fields = ",".join(REMAP_FIELDS)
    output = run(["nvidia-smi", "--query-remapped-rows=" + fields, "--format=csv,noheader,nounits"], QUERY_SECONDS)
    rows, complaints = parse_remapped(output.out)
    add_remapped(report, rows)
    if output.code != 0 or complaints:
        raise CheckError("failed", "; ".join(complaints) or said("nvidia-smi", output))


def measure_nvlink(report, level):
    """Part gpu.nvlink."""
    output = run(["nvidia-smi", "nvlink", "-s"], QUERY_SECONDS)
    if output.code != 0 and not output.out.lstrip().startswith("GPU "):
        raise CheckError("failed", said("nvidia-smi nvlink", output))
    add_nvlink_status(report, parse_nvlink_status(output.out))


def measure_nvlink_errors(report, level):
    """Part gpu.nvlink.errors."""
    output = run(["nvidia-smi", "nvlink", "-e"], QUERY_SECONDS)
    if output.code != 0 and not output.out.lstrip().startswith("GPU "):
        raise CheckError("failed", said("nvidia-smi nvlink", output))
    for kind, total in sorted(parse_nvlink_errors(output.out).items()):
        report.add("gpu.nvlink.%s.count" % kind, total)


def measure_load(report):
    """Part gpu.load: the same GPUs, asked while they compute."""
    output, fields = query(LOAD_FIELDS)
    rows, complaints = parse_rows(output.out, fields)
    add_values(report, rows, LOAD_VALUES)
    add_reasons(report, rows, "gpu.load.throttle")
    if output.code != 0 or complaints or not rows:
        raise CheckError("failed", "; ".join(complaints) or said("nvidia-smi", output))
