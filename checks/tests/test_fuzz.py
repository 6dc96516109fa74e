"""Ten thousand spoilt outputs: a parser gives numbers or says that it does not understand, and nothing else."""

import os
import random

import dcgm
import efa
import gpu_query
import neuron
import storage
import system
import xid
from report import CheckError, Report

from tests.support import CheckTest, recorded

#: The same every time; SEED=random explores, SEED=n plays a failure again.
SEED = 20261123
if os.environ.get("SEED"):
    SEED = random.randrange(2**31) if os.environ["SEED"] == "random" else int(os.environ["SEED"])
RUNS = 600


def inventory(text):
    rows, _ = gpu_query.parse_rows(text, gpu_query.INVENTORY_FIELDS)
    gpu_query.add_inventory(Report(), rows)


def remapped(text):
    rows, _ = gpu_query.parse_remapped(text)
    gpu_query.add_remapped(Report(), rows)


PARSERS = (
    (inventory, "smi-query-h100.csv"),
    (inventory, "smi-query-h100-sick.csv"),
    (remapped, "smi-remapped-sick.csv"),
    (lambda text: gpu_query.add_nvlink_status(Report(), gpu_query.parse_nvlink_status(text)), "smi-nvlink-sick.txt"),
    (gpu_query.parse_nvlink_errors, "smi-nvlink-errors.txt"),
    (lambda text: xid.add_lines(Report(), text.splitlines()), "kmsg-xid.txt"),
    (dcgm.parse_diag, "dcgm4-fail.json"),
    (dcgm.parse_diag, "dcgm3-skip.json"),
    (efa.parse_info, "fi-info-p4d.txt"),
    (efa.parse_pingpong, "fi-pingpong-efa.txt"),
    (storage.parse_fio, "fio-read.json"),
    (system.parse_tracking, "chronyc-tracking.csv"),
    (lambda text: neuron.add_devices(Report(), neuron.parse_devices(text)), "neuron-ls-sick.json"),
    (lambda text: neuron.add_ecc(Report(), neuron.parse_monitor(text)), "neuron-monitor-sick.json"),
    (neuron.parse_nccom, "nccom-test.txt"),
)
PIECES = (
    "",
    "null",
    "[]",
    "{}",
    '"',
    ",",
    "NaN",
    "-1",
    "1e999",
    "[N/A]",
    "ERR!",
    "\x00",
    "é",
    "\n",
    "true",
    "99999999999999999999",
)


def spoilt(random_, text):
    """The text with a few pieces cut out, doubled or replaced."""
    for _ in range(random_.randint(1, 4)):
        start = random_.randrange(len(text) + 1)
        end = min(len(text), start + random_.choice((0, 1, 5, 40, 400)))
        text = text[:start] + random_.choice(PIECES + (text[start:end] * 2,)) + text[end:]
    return text


class Fuzz(CheckTest):
    def test_no_parser_breaks(self):
        random_ = random.Random(SEED)
        understood = refused = 0
        for parser, name in PARSERS:
            good = recorded(name)
            for _ in range(RUNS + RUNS // 6):
                text = spoilt(random_, good)
                try:
                    parser(text)
                    understood += 1
                except CheckError as error:
                    self.assertIn(error.kind, ("parse", "failed"))
                    refused += 1
                except Exception as error:
                    self.fail("SEED=%d %s: %r of %r" % (SEED, name, error, text[:400]))
        self.assertGreaterEqual(understood + refused, 10000)
        self.assertGreater(understood, 100)
        self.assertGreater(refused, 100)
