"""The make-believe machine's clock. It moves when something takes time. A file holds it, because every part of a check is a
process of its own, and one works while the others wait for it.
"""

import atexit
import os

open_ = open  # as it was before the machine
own = []


def now():
    """Seconds since the machine was made."""
    if own:
        return own[0]
    with open_(os.environ["MACHINE_CLOCK"]) as file:
        return float(file.read() or 0)


def advance(seconds):
    """Something took so long."""
    if not own:
        atexit.register(keep)
    own[:] = [now() + seconds]


def keep():
    """For whoever waited."""
    with open_(os.environ["MACHINE_CLOCK"], "w") as file:
        file.write(repr(own[0]))
