"""The line: what it holds, what it gives up, what it never says."""

import json
import os

from report import MAX_BYTES, Report, cut, node_head, publish

from tests.support import CheckTest


class Line(CheckTest):
    def test_is_one_line_of_json_with_what_was_measured(self):
        self.report.head.update({"level": "quick", "check": "one-node"})
        self.report.add("gpu.count", 8)
        self.report.add("gpu.hbm.gb_s", 2840.123456, 3)
        self.report.error("gpu.dcgm", "missing-tool", "dcgmi\n\x1b[31mred")
        line = self.report.line()
        self.assertNotIn("\n", line)
        body = json.loads(line)
        self.assertEqual(body["m"], {"gpu.count": 8, "gpu.hbm.gb_s": 2840.1})
        self.assertEqual(body["at"], {"gpu.hbm.gb_s": 3})
        self.assertEqual(body["errors"], [{"check": "gpu.dcgm", "kind": "missing-tool", "text": "dcgmi [31mred"}])

    def test_rounds_to_five_digits_and_keeps_counts_whole(self):
        for value, kept in ((26219.4, 26219), (0.0031583, 0.0031583), (487.9312, 487.93), (123456789, 123456789)):
            self.report.add("gpu.hbm.gb_s", value)
            self.assertEqual(repr(self.report.measured["gpu.hbm.gb_s"]), repr(kept))

    def test_takes_no_number_that_is_none(self):
        for value in (float("nan"), float("inf"), None, "8", True):
            self.fails("parse", self.report.add, "gpu.count", value)
        self.assertEqual(self.report.measured, {})

    def test_gives_up_places_then_texts_then_second_names_then_errors_but_no_measurement(self):
        for number in range(60):
            self.report.add("gpu.some.long.measurement.number%02d.count" % number, 12345, "device %d" % number)
        self.report.gpus = [{"uuid": "GPU-" + "a" * 36, "serial": "1654923004100"} for _ in range(8)]
        for number in range(40):
            self.report.error("part%d" % number, "failed", "ü" * 200)
        line = self.report.line()
        self.assertLessEqual(len(line.encode("utf-8")), MAX_BYTES)
        body = json.loads(line)
        self.assertEqual(len(body["m"]), 60)
        self.assertNotIn("at", body)
        self.assertEqual(body["gpus"], [{"serial": "1654923004100"}] * 8)
        self.assertEqual(len(body["errors"]) + body["errorsCut"], 40)
        self.assertEqual(body["errors"][0], {"check": "part0", "kind": "failed"})

    def test_keeps_the_texts_of_a_few_errors(self):
        for number in range(40):
            self.report.add("gpu.some.long.measurement.number%02d.count" % number, 12345, "a device" * 5)
        self.report.error("gpu.xid", "failed", "x" * 150)
        body = json.loads(self.report.line())
        self.assertNotIn("at", body)
        self.assertEqual(len(body["errors"][0]["text"]), 150)

    def test_cuts_between_characters(self):
        self.assertEqual(cut("aüü", 4), "aü")

    def test_goes_where_the_kubelet_looks(self):
        path = os.path.join(self.folder, "log")
        publish('{"v":1}', path)
        with open(path) as file:
            self.assertEqual(file.read(), '{"v":1}')

    def test_begins_with_node_and_boot(self):
        path = os.path.join(self.folder, "boot_id")
        with open(path, "w") as file:
            file.write("b1\n")
        head = node_head("pair", {"LEVEL": "deep", "NODE_NAME": "n1"}, path)
        self.assertEqual(head, {"level": "deep", "check": "pair", "node": "n1", "bootId": "b1"})

    def test_merges_what_a_part_wrote(self):
        part = Report()
        part.add("gpu.count", 8, 1)
        part.error("gpu.xid", "failed", "no")
        self.report.merge(part.to_dict())
        self.assertEqual(self.report.to_dict(), part.to_dict())
