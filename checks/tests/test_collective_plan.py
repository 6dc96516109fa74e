"""What of collective.py needs no torch: formulas and plans."""

import collective
import messages

from tests.support import CheckTest


class Formulas(CheckTest):
    def test_bus_bandwidth_is_that_of_nccl_tests(self):
        # NCCL's own page: 16 ranks, all-reduce: factor 2·15/16; all-gather 15/16; broadcast and send-receive 1.
        self.assertAlmostEqual(collective.bus_bandwidth("allreduce", 16, 16 << 30, 0.0661), 487.3, 0)
        self.assertAlmostEqual(collective.bus_factor("allgather", 16), 15 / 16)
        self.assertAlmostEqual(collective.bus_factor("alltoall", 2), 0.5)
        self.assertEqual(collective.bus_factor("sendrecv", 64), 1.0)

    def test_deeper_levels_include_the_shallower(self):
        quick, standard, deep = (set(collective.plan(level)) for level in ("quick", "standard", "deep"))
        self.assertTrue(quick < standard < deep)

    def test_sums_stay_exact_in_float32_for_any_batch(self):
        ranks = 64 * 8
        self.assertLess(messages.PATTERN * ranks + ranks * ranks // 2, 2**24)
