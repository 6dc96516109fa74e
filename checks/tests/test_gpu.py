"""nvidia-smi, DCGM and the kernel's log, healthy and sick."""

import dcgm
import gpu_query
import xid

from tests.support import CheckTest, recorded


class Inventory(CheckTest):
    def inventory(self, name):
        rows, complaints = gpu_query.parse_rows(recorded(name), gpu_query.INVENTORY_FIELDS)
        gpu_query.add_inventory(self.report, rows)
        return complaints

    def test_of_a_healthy_node(self):
        self.assertEqual(self.inventory("smi-query-h100.csv"), [])
        measured = self.report.measured
        expected = {
            "gpu.count": 8,
            "gpu.models.count": 1,
            "gpu.memory.mib": 81559,
            "gpu.ecc.off.count": 0,
            "gpu.ecc.volatile.uncorrected.count": 0,
            "gpu.pcie.lanes": 16,
            "gpu.power.limit.w": 700,
            "gpu.throttle.hw.count": 0,
            "gpu.fabric.unready.count": 0,
            "gpu.temperature.c": 33,
        }
        self.assertEqual({name: measured[name] for name in expected}, expected)
        self.assertEqual(len({gpu["serial"] for gpu in self.report.gpus}), 8)
        self.assertEqual(self.report.head["driver"], "570.133.20")

    def test_has_no_page_retirement_on_ampere_and_newer(self):
        self.inventory("smi-query-h100.csv")
        self.assertNotIn("gpu.retired.double_bit.count", self.report.measured)
        self.assertNotIn("gpu.retired.pending.count", self.report.measured)

    def test_of_a_sick_node(self):
        complaints = self.inventory("smi-query-h100-sick.csv")
        self.assertEqual(len(complaints), 1)
        expected = {
            "gpu.count": 7,
            "gpu.ecc.volatile.uncorrected.count": 2,
            "gpu.ecc.aggregate.sram.uncorrected.count": 5,
            "gpu.throttle.hw.count": 1,
            "gpu.temperature.c": 89,
            "gpu.pcie.lanes": 8,
            "gpu.fabric.unready.count": 1,
            "gpu.ecc.off.count": 1,
            "gpu.mig.on.count": 1,
        }
        self.assertEqual({name: self.report.measured[name] for name in expected}, expected)
        self.assertEqual(self.report.at["gpu.pcie.lanes"], 3)
        self.assertEqual(self.report.at["gpu.ecc.volatile.uncorrected.count"], 1)

    def test_of_a_turing_gpu(self):
        self.inventory("smi-query-t4.csv")
        self.assertEqual(self.report.measured["gpu.retired.double_bit.count"], 1)
        self.assertEqual(self.report.measured["gpu.retired.pending.count"], 1)
        self.assertNotIn("gpu.fabric.unready.count", self.report.measured)
        self.assertNotIn("gpu.memory.temperature.c", self.report.measured)

    def test_does_not_lose_the_other_fields_for_one_odd_cell(self):
        error = self.fails("parse", self.inventory, "smi-query-h100-reset.csv")
        self.assertIn("GPU requires reset", error.text)
        self.assertEqual(self.report.measured["gpu.count"], 2)
        self.assertEqual(self.report.measured["gpu.pcie.lanes"], 16)
        self.assertNotIn("gpu.memory.mib", self.report.measured)

    def test_leaves_out_a_field_that_the_driver_does_not_know(self):
        # The driver refuses the whole query for one unknown field, and answers it without.
        self.tool(
            "nvidia-smi",
            'case "$1" in *fabric.state*) cat "$DATA/smi-unknown-field.txt"; exit 2;; *) echo "$1" | tr , "\\n" | '
            "sed 's/.*=//' | sed 's/^index$/0/' | sed 's/.*[a-z].*/[N\\/A]/' | paste -sd, -;; esac",
        )
        gpu_query.measure_inventory(self.report, "quick")
        self.assertEqual(self.report.measured["gpu.count"], 1)

    def test_asks_an_old_driver_for_the_old_name_of_its_reasons(self):
        self.tool(
            "nvidia-smi",
            'case "$1" in *clocks_event*) echo "Field \\"clocks_event_reasons.active\\" is not a valid field to query."; '
            'exit 2;; *throttle*) echo "0, GPU-1, 55, 1755, 600, 5, 0x0000000000000040";; esac',
        )
        gpu_query.measure_load(self.report)
        self.assertEqual(self.report.measured["gpu.load.throttle.hw.count"], 1)

    def test_counts_none_where_the_driver_finds_none(self):
        self.tool("nvidia-smi", 'cat "$DATA/smi-no-devices.txt"; exit 6')
        gpu_query.measure_inventory(self.report, "quick")
        self.assertEqual(self.report.measured, {"gpu.count": 0})

    def test_measures_nothing_without_a_driver_or_without_the_tool(self):
        self.fails("missing-tool", gpu_query.measure_inventory, self.report, "quick")
        self.tool("nvidia-smi", 'cat "$DATA/smi-no-driver.txt"; exit 9')
        error = self.fails("failed", gpu_query.measure_inventory, self.report, "quick")
        self.assertIn("communicate with the NVIDIA driver", error.text)
        self.assertEqual(self.report.measured, {})

    def test_counts_the_gpus_that_answer_and_tells_of_the_one_that_does_not(self):
        self.tool("nvidia-smi", 'cat "$DATA/smi-query-h100-sick.csv"; exit 15')
        error = self.fails("failed", gpu_query.measure_inventory, self.report, "quick")
        self.assertIn("Unable to determine the device handle", error.text)
        self.assertEqual(self.report.measured["gpu.count"], 7)


class Remapping(CheckTest):
    def test_of_healthy_sick_and_old_gpus(self):
        for name, expected in (
            ("smi-remapped-h100.csv", (0, 0, 0, 0)),
            ("smi-remapped-sick.csv", (3, 8, 1, 1)),
            ("smi-remapped-t4.csv", (None, None, None, None)),
        ):
            self.setUp()
            rows, complaints = gpu_query.parse_remapped(recorded(name))
            gpu_query.add_remapped(self.report, rows)
            names = ("correctable", "uncorrectable", "pending", "failure")
            found = tuple(self.report.measured.get("gpu.remap.%s.count" % name) for name in names)
            self.assertEqual((found, complaints), (expected, []))


class Links(CheckTest):
    def test_all_up(self):
        gpu_query.add_nvlink_status(self.report, gpu_query.parse_nvlink_status(recorded("smi-nvlink-h100.txt")))
        expected = {"gpu.nvlink.up.count": 18, "gpu.nvlink.down.count": 0, "gpu.nvlink.speed.gb_s": 26.562}
        self.assertEqual(self.report.measured, expected)

    def test_two_down_and_a_gpu_cut_off(self):
        gpu_query.add_nvlink_status(self.report, gpu_query.parse_nvlink_status(recorded("smi-nvlink-sick.txt")))
        self.assertEqual(self.report.measured["gpu.nvlink.up.count"], 0)
        self.assertEqual(self.report.at["gpu.nvlink.up.count"], 2)
        self.assertEqual(self.report.measured["gpu.nvlink.down.count"], 2)

    def test_none_to_have(self):
        gpu_query.add_nvlink_status(self.report, gpu_query.parse_nvlink_status(recorded("smi-nvlink-none.txt")))
        self.assertEqual(self.report.measured, {})

    def test_words_nobody_knows(self):
        self.fails("parse", gpu_query.parse_nvlink_status, "GPU 0: NVIDIA H100 (UUID: x)\n\t Link 0: fast\n")

    def test_errors_add_up(self):
        sums = gpu_query.parse_nvlink_errors(recorded("smi-nvlink-errors.txt"))
        self.assertEqual(sums, {"replay": 4, "recovery": 1, "crc": 12})


class Load(CheckTest):
    def test_hot_gpu_under_load(self):
        self.tool("nvidia-smi", 'cat "$DATA/smi-load-hot.csv"')
        gpu_query.measure_load(self.report)
        expected = {
            "gpu.load.temperature.c": 91,
            "gpu.load.clock.sm.mhz": 1095,
            "gpu.load.power.w": 682.31,
            "gpu.load.pcie.gen": 5,
            "gpu.load.throttle.hw.count": 1,
            "gpu.load.throttle.sw_thermal.count": 1,
        }
        self.assertEqual(self.report.measured, expected)

    def test_power_capping_is_no_hardware_slowdown(self):
        self.tool("nvidia-smi", 'cat "$DATA/smi-load-h100.csv"')
        gpu_query.measure_load(self.report)
        self.assertEqual(self.report.measured["gpu.load.throttle.hw.count"], 0)


class Kernel(CheckTest):
    def test_xids_by_code(self):
        xid.add_lines(self.report, recorded("kmsg-xid.txt").splitlines())
        expected = {
            "gpu.xid.lines.count": 3,
            "gpu.sxid.lines.count": 1,
            "gpu.lost.lines.count": 1,
            "gpu.xid.45.count": 2,
            "gpu.xid.79.count": 1,
        }
        self.assertEqual(self.report.measured, expected)

    def test_a_clean_log(self):
        xid.add_lines(self.report, recorded("dmesg-clean.txt").splitlines())
        self.assertEqual(set(self.report.measured.values()), {0})

    def test_no_log_to_read(self):
        self.fails("missing-tool", xid.read_kmsg, self.folder + "/kmsg")


class Diagnosis(CheckTest):
    def counts(self, name):
        return dcgm.parse_diag(recorded(name))

    def test_of_both_versions(self):
        zero = {"pass": 0, "fail": 0, "warn": 0, "skip": 0, "config": 0}
        self.assertEqual(self.counts("dcgm4-pass.json"), (dict(zero, **{"pass": 16}), []))
        self.assertEqual(self.counts("dcgm3-skip.json"), (dict(zero, skip=5), []))
        self.assertEqual(self.counts("dcgm4-fail.json"), (dict(zero, **{"pass": 15, "fail": 1, "skip": 8}), ["memory"]))

    def test_a_setting_of_the_node_is_no_failure(self):
        counts, failed = self.counts("dcgm4-setting.json")
        self.assertEqual((counts["config"], counts["fail"], failed), (8, 0, []))

    def test_runs_whatever_the_exit_code(self):
        self.tool("dcgmi", 'echo "Successfully ran diagnostic."; cat "$DATA/dcgm4-fail.json"; exit 205')
        dcgm.measure(self.report, "standard")
        self.assertEqual(self.report.measured["gpu.dcgm.fail.count"], 1)
        self.assertEqual(self.report.at["gpu.dcgm.fail.count"], "memory")

    def test_no_tool_and_no_engine(self):
        self.fails("missing-tool", dcgm.measure, self.report, "quick")
        self.tool("dcgmi", 'cat "$DATA/dcgm-no-engine.txt"; exit 212')
        self.fails("failed", dcgm.measure, self.report, "quick")
        self.assertEqual(self.report.measured, {})

    def test_unknown_words(self):
        self.fails("parse", dcgm.parse_diag, recorded("dcgm4-pass.json").replace("Pass", "Perhaps"))
        self.fails("parse", dcgm.parse_diag, '{"DCGM Diagnostic": {"test_categories": []}}')
