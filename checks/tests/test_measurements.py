"""MEASUREMENTS.md is the contract with the thresholds: what is emitted is in it, and what is in it is emitted somewhere."""

import glob
import json
import os
import re
import sys

import collective
import efa
import gpu_query
import one_node
import report as report_module
from report import Report

from tests.support import CHECKS, CheckTest, recorded

ROW = re.compile(r"^\| `([a-z][^`]*)`\s*\| `([^`]*)`|^\| `([a-z][^`]*)`\s*\| any of them")
WILD = {"<code>": "79", "<size>": "128mib", "<tool>": "direct"}


def table():
    """Names and parts of the table."""
    names, parts = [], set()
    with open(os.path.join(CHECKS, "MEASUREMENTS.md")) as file:
        for line in file:
            row = ROW.match(line)
            if row:
                names.append(row.group(1) or row.group(3))
                parts.add(row.group(2))
    return names, parts - {None}


def concrete(name):
    """A name with its wild cards filled."""
    for card, value in WILD.items():
        name = name.replace(card, value)
    return name


class Contract(CheckTest):
    def setUp(self):
        super().setUp()
        self.names, self.parts = table()
        self.source = ""
        for path in sorted(glob.glob(os.path.join(CHECKS, "*.py"))):
            with open(path) as file:
                self.source += file.read()

    def test_has_no_name_twice_and_only_known_units(self):
        self.assertGreater(len(self.names), 90)
        self.assertEqual(len(set(self.names)), len(self.names))
        units = "count mib gib gb c w mhz lanes gen gb_s gbit_s tflops percent bytes ms us iops ratio".split()
        self.assertEqual([name for name in self.names if name.rpartition(".")[2] not in units], [])
        self.assertTrue(all(re.match(r"^[a-z0-9_.<>]+$", name) for name in self.names))

    def test_every_part_that_an_error_can_name_has_a_name_of_its_shape(self):
        known = self.parts | {part.name for part in one_node.PARTS} | {"run.python", "run.ended"}
        self.assertEqual([name for name in known if not re.match(r"^[a-z0-9_]+(\.[a-z0-9_]+){1,7}$", name)], [])

    def test_every_part_is_in_it(self):
        known = {part.name for part in one_node.PARTS} - {"nccl.launch"}
        self.assertEqual(sorted(known - self.parts), [])

    def test_every_name_of_it_is_written_in_a_script(self):
        missing = []
        for name in self.names:
            pieces = [name] + ["%s." + name.partition(".")[2], name.partition(".")[2]]
            pieces += [re.sub(r"<\w+>", "%s", name), re.sub(r"<\w+>", "%d", name), name.rpartition(".")[0]]
            pieces += ["." + name.split(".", 3)[-1] if name.count(".") > 2 else name]
            if not any('"%s"' % piece in self.source for piece in pieces) and not self.computed(name):
                missing.append(name)
        self.assertEqual(missing, [])

    def computed(self, name):
        """Names that are put together from a table."""
        if name.startswith("nccl."):
            return name.split(".")[1] in collective.COLLECTIVES
        if name.startswith("gpu.dcgm."):
            return name.split(".")[2] in ("pass", "fail", "warn", "skip", "config")
        if name.startswith("gpu.nvlink."):
            return name.split(".")[2] in ("replay", "recovery", "crc")
        prefix = re.match(r"^(.*throttle)\.(hw|sw_thermal)\.count$", name)
        if prefix:
            return '"%s"' % prefix.group(1) in self.source
        return "<tool>" in name

    def test_the_fullest_line_of_one_node_fits_with_everything_that_matters(self):
        # A p5.48xlarge at the deepest level with every optional tool and every measurement of the table.
        rows, _ = gpu_query.parse_rows(recorded("smi-query-h100.csv"), gpu_query.INVENTORY_FIELDS)
        gpu_query.add_inventory(self.report, rows)
        self.report.head.update(self.head())
        for name in self.names:
            if name.startswith(("neuron.", "nccl.", "shared.wrong", "shared.visible", "gpu.retired")):
                continue
            self.report.add(concrete(name), 12345.6)
        for name, size in collective.plan("deep"):
            self.report.add("nccl.%s.%s.busbw.gb_s" % (name, size), 487.93)
        for name in ("allreduce.8b.us", "wrong.count", "straggler.ms", "straggler.ratio", "init.ms"):
            self.report.add("nccl." + name, 1234.5)
        line = self.report.line()
        self.assertLessEqual(len(line.encode()), report_module.MAX_BYTES)
        body = json.loads(line)
        self.assertGreater(len(body["m"]), 85)
        print("fullest line: %d measurements, %d bytes" % (len(body["m"]), len(line.encode())), file=sys.stderr)
        self.assertEqual(len({gpu["serial"] for gpu in body["gpus"]}), 8)

    def head(self):
        return {
            "level": "standard",
            "check": "one-node",
            "node": "ip-10-100-200-123.us-east-2.compute.internal",
            "bootId": "c7c7a8a9-b8ec-4546-82a1-e66e6d7a06fb",
            "nodes": 1,
            "ranks": 8,
            "backend": "nccl",
            "algo": "auto",
            "seconds": 1234,
        }

    def test_what_the_collectives_add_is_in_it(self):
        known = {re.sub(r"<size>", "", name) for name in self.names}
        for level in collective.PLANS:
            for name, size in collective.plan(level):
                self.assertIn("nccl.%s..busbw.gb_s" % name, known, size)

    def test_efa_counters_are_in_it(self):
        self.assertEqual([name for name, _ in efa.COUNTERS if name not in self.names], [])

    def test_what_the_recordings_give_is_in_it(self):
        report = Report()
        rows, _ = gpu_query.parse_rows(recorded("smi-query-h100.csv"), gpu_query.INVENTORY_FIELDS)
        gpu_query.add_inventory(report, rows)
        self.assertEqual([name for name in report.measured if name not in self.names], [])
