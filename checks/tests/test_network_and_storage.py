"""EFA, disks, the shared volume, the host, Neuron."""

import os
import threading

import efa
import neuron
import shared_volume
import storage
import system
from report import Report

from tests.support import CheckTest, recorded


class Efa(CheckTest):
    def test_devices_are_domains_however_often_they_are_listed(self):
        for name, count in (
            ("fi-info-p5.txt", 32),
            ("fi-info-p5-31.txt", 31),
            ("fi-info-p4d.txt", 4),
            ("fi-info-rxd.txt", 1),
        ):
            self.assertEqual(len(efa.parse_info(recorded(name))), count, name)

    def test_no_device_is_an_answer_only_of_a_libfabric_that_knows_efa(self):
        self.tool("fi_info", 'case "$1" in -l) echo "efa:"; echo "    version: 206.0";; *) exit 61;; esac')
        self.assertEqual(efa.domains(), [])
        self.tool("fi_info", 'case "$1" in -l) echo "tcp:";; *) exit 61;; esac')
        self.fails("missing-tool", efa.domains)

    def test_looks_again_while_devices_still_appear(self):
        efa.COUNT_PAUSE_SECONDS = 0
        script = 'n=$(cat "%s/n" 2>/dev/null || echo 0); n=$((n+1)); echo $n >"%s/n"\n' % (self.folder, self.folder)
        script += 'if [ $n -lt 2 ]; then cat "$DATA/fi-info-p5-31.txt"; else cat "$DATA/fi-info-p5.txt"; fi'
        self.tool("fi_info", script)
        efa.measure_count(self.report, "quick")
        self.assertEqual(self.report.measured, {"efa.count": 32})

    def test_pingpong_takes_the_largest_size(self):
        self.assertAlmostEqual(efa.parse_pingpong(recorded("fi-pingpong-efa.txt")), 17.485, 3)
        self.assertAlmostEqual(efa.parse_pingpong(recorded("fi-pingpong-tcp.txt")), 0.714, 3)
        self.fails("parse", efa.parse_pingpong, recorded("fi-none.txt"))

    def test_a_device_that_does_not_answer_does_not_hide_the_others(self):
        self.tool("fi_info", 'cat "$DATA/fi-info-p4d.txt"')
        script = 'case "$*" in *127.0.0.1*) ;; *) exec sleep 20;; esac\n'
        script += (
            'case "$*" in *efa_2*) echo "fi_connect: -111" >&2; exit 1;; *) cat "$DATA/fi-pingpong-efa.txt";; esac'
        )
        self.tool("fi_pingpong", script)
        error = self.fails("failed", efa.measure_pingpong, self.report, "standard")
        self.assertIn("efa_2", error.text)
        self.assertEqual(self.report.measured["efa.pingpong.count"], 3)

    def counters(self, values, vendor="0x1d0f"):
        folder = os.path.join(self.folder, "rdmap0s6", "ports", "1", "hw_counters")
        os.makedirs(folder, exist_ok=True)
        os.makedirs(os.path.join(self.folder, "rdmap0s6", "device"), exist_ok=True)
        with open(os.path.join(self.folder, "rdmap0s6", "device", "vendor"), "w") as file:
            file.write(vendor + "\n")
        for name, value in values.items():
            with open(os.path.join(folder, name), "w") as file:
                file.write("%s\n" % value)
        return efa.read_counters(self.folder)

    def test_counters_tell_what_happened_during_the_check(self):
        before = self.counters({"rx_drops": 7, "rdma_read_wr_err": 1, "rdma_write_wr_err": 0, "tx_bytes": 10})
        after = self.counters({"rx_drops": 9, "rdma_read_wr_err": 1, "rdma_write_wr_err": 3})
        efa.add_increase(self.report, before, after)
        self.assertEqual(self.report.measured, {"efa.rx_drops.count": 2, "efa.rdma_errors.count": 3})

    def test_counters_of_other_makers_do_not_count(self):
        self.fails("missing-tool", self.counters, {"rx_drops": 7}, "0x15b3")
        self.fails("missing-tool", efa.read_counters, self.folder + "/none")

    def test_a_counter_that_is_no_number(self):
        self.fails("parse", self.counters, {"rx_drops": "many"})


class Disks(CheckTest):
    def test_instance_store_is_not_ebs(self):
        for name, model, sectors in (
            ("nvme0", "Amazon Elastic Block Store", 41943040),
            ("nvme1", storage.INSTANCE_STORE, 7421875000),
            ("nvme2", storage.INSTANCE_STORE + "   ", 7421875000),
        ):
            os.makedirs(os.path.join(self.folder, name, name + "n1"))
            with open(os.path.join(self.folder, name, "model"), "w") as file:
                file.write(model + "\n")
            with open(os.path.join(self.folder, name, name + "n1", "size"), "w") as file:
                file.write("%d\n" % sectors)
        disks = storage.instance_disks(self.folder)
        self.assertEqual(disks, [("nvme1", 3800000000000), ("nvme2", 3800000000000)])

    def test_fio_as_it_was_recorded(self):
        read = storage.parse_fio(recorded("fio-read.json"))
        self.assertGreater(read["bytes_s"], 1e6)
        self.assertGreater(storage.parse_fio(recorded("fio-randread.json"))["p99_ms"], 0)
        self.assertEqual(storage.parse_fio("note: both iodepth >= 1\n" + recorded("fio-read.json")), read)

    def test_fio_that_broke(self):
        self.fails("parse", storage.parse_fio, recorded("fio-no-folder.txt"))
        self.fails("failed", storage.parse_fio, recorded("fio-read.json").replace('"error" : 0', '"error" : 5'))

    def test_without_fio_it_reads_and_writes_itself_under_another_name(self):
        storage.FILE_BYTES, storage.SECONDS["quick"] = 8 << 20, 0.2
        place = os.path.join(os.path.dirname(os.path.abspath(__file__)), ".direct")
        os.makedirs(place, exist_ok=True)
        try:
            storage.measure_folder(self.report, "nvme", place, "quick")
            self.assertEqual(os.listdir(place), [])
        finally:
            os.rmdir(place)
        names = ("write.gb_s", "read.gb_s", "read.iops", "read.p99.ms")
        self.assertEqual(set(self.report.measured), {"nvme.direct." + name for name in names})
        self.assertTrue(all(value > 0 for value in self.report.measured.values()), self.report.measured)

    def test_with_fio_it_lets_fio(self):
        self.tool("fio", 'case "$*" in *randread*) cat "$DATA/fio-randread.json";; *) cat "$DATA/fio-read.json";; esac')
        storage.measure_folder(self.report, "shared", self.folder, "quick")
        self.assertIn("shared.fio.read.p99.ms", self.report.measured)

    def test_a_folder_that_is_not_there(self):
        self.fails("failed", storage.measure_folder, self.report, "nvme", "/proc/nowhere", "quick")


class SharedVolume(CheckTest):
    def exchange(self, spoil=None):
        shared_volume.FILE_BYTES, shared_volume.WAIT_SECONDS = 1 << 16, 2
        reports = {"a": Report(), "b": Report()}

        def node(name, other):
            shared_volume.exchange(reports[name], self.folder, "round1", name, [other])

        if spoil:
            shared_volume.write(self.folder, "round1", "b")
            with open(os.path.join(self.folder, "b.bytes"), "r+b") as file:
                file.seek(spoil)
                file.write(b"?!")
            node("a", "b")
            return reports
        threads = [threading.Thread(target=node, args=pair) for pair in (("a", "b"), ("b", "a"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return reports

    def test_both_read_what_the_other_wrote(self):
        for report in self.exchange().values():
            self.assertEqual(report.measured["shared.wrong.count"], 0)
            self.assertGreaterEqual(report.measured["shared.visible.ms"], 0)

    def test_a_wrong_byte_is_found(self):
        measured = self.exchange(spoil=60000)["a"].measured
        self.assertEqual(measured, {"shared.wrong.count": 1})

    def test_a_file_that_never_comes_is_a_timeout_and_no_wrong_file(self):
        shared_volume.WAIT_SECONDS = 0.2
        self.fails("timeout", shared_volume.exchange, self.report, self.folder, "round1", "a", ["b"])
        self.assertEqual(self.report.measured, {})

    def test_a_file_of_an_earlier_round_is_not_right(self):
        self.assertNotEqual(shared_volume.content("1", "a", 100), shared_volume.content("2", "a", 100))


class Host(CheckTest):
    def test_clock(self):
        system.measure_clock(self.report, "quick")
        self.assertIn(self.report.measured["host.clock.synced.count"], (0, 1))
        system.add_clock(self.report, 5, 0x40, 16000000)
        expected = {"host.clock.synced.count": 0, "host.clock.max_error.ms": 16000}
        self.assertEqual(self.report.measured, expected)
        system.add_clock(self.report, 0, 0x2001, 812)
        self.assertEqual(self.report.measured["host.clock.synced.count"], 1)

    def test_chrony(self):
        line = recorded("chronyc-tracking.csv")
        self.assertAlmostEqual(system.parse_tracking(line), 0.004213)
        older = line.replace("169.254.169.123,", "")
        self.assertAlmostEqual(system.parse_tracking(older), 0.004213)
        self.fails("failed", system.parse_tracking, recorded("chronyc-unsynchronised.csv"))
        self.fails("parse", system.parse_tracking, recorded("chronyc-no-daemon.txt"))

    def test_names(self):
        os.environ["DNS_NAMES"] = "localhost no.such.name.invalid"
        system.measure_dns(self.report, "quick")
        self.assertEqual(self.report.measured["net.dns.lost.count"], 1)
        self.assertGreater(self.report.measured["net.dns.ms"], 0)

    def test_mtu_of_physical_interfaces_only(self):
        for name, mtu, physical, state in (
            ("ens5", 9001, True, "up"),
            ("ens6", 1500, True, "down"),
            ("eni123", 1400, False, "up"),
        ):
            os.makedirs(os.path.join(self.folder, name, "device" if physical else "queues"))
            for file_name, value in (("mtu", mtu), ("operstate", state)):
                with open(os.path.join(self.folder, name, file_name), "w") as file:
                    file.write("%s\n" % value)
        self.assertEqual(system.mtus(self.folder), [(9001, "ens5")])

    def test_size(self):
        system.measure_size(self.report, "quick")
        self.assertEqual(self.report.measured["host.cpu.count"], os.cpu_count())


class Neuron(CheckTest):
    def test_devices(self):
        neuron.add_devices(self.report, neuron.parse_devices(recorded("neuron-ls-trn2.json")))
        expected = {
            "neuron.count": 16,
            "neuron.cores.count": 64,
            "neuron.memory.gib": 96,
            "neuron.links.count": 4,
            "neuron.busy.count": 0,
        }
        self.assertEqual(self.report.measured, expected)

    def test_devices_of_a_sick_node(self):
        neuron.add_devices(self.report, neuron.parse_devices(recorded("neuron-ls-sick.json")))
        self.assertEqual(self.report.measured["neuron.count"], 15)
        self.assertEqual(self.report.measured["neuron.links.count"], 2)
        self.assertEqual(self.report.at["neuron.links.count"], 3)
        self.assertEqual(self.report.measured["neuron.busy.count"], 1)

    def test_a_device_without_links(self):
        neuron.add_devices(self.report, neuron.parse_devices(recorded("neuron-ls-inf2.json")))
        self.assertEqual(self.report.measured["neuron.links.count"], 0)

    def test_ecc(self):
        self.tool("neuron-monitor", 'cat "$DATA/neuron-monitor-sick.json"; exec sleep 30')
        neuron.measure_monitor(self.report, "quick")
        expected = {
            "neuron.ecc.memory.corrected.count": 3,
            "neuron.ecc.memory.uncorrected.count": 1,
            "neuron.ecc.sram.corrected.count": 0,
            "neuron.ecc.sram.uncorrected.count": 2,
        }
        self.assertEqual(self.report.measured, expected)
        self.fails("failed", neuron.parse_monitor, recorded("neuron-monitor-error.json"))

    def test_collectives(self):
        self.assertEqual(neuron.parse_nccom(recorded("nccom-test.txt")), 40.69)
        self.fails("parse", neuron.parse_nccom, "no cores")
