"""Runs the programs of others with a time limit, and turns what can go wrong into the four kinds of errors."""

import os
import shutil
import signal
import subprocess

from report import CheckError, one_line

#: Where the EFA installer puts its programs; images do not always have it on the PATH.
EFA_PROGRAMS = "/opt/amazon/efa/bin"
NEURON_PROGRAMS = "/opt/aws/neuron/bin"


class Output:
    """What a program said."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err


def find(program):
    """Path of a program; not having it is an error of its own kind."""
    path = os.pathsep.join([os.environ.get("PATH", ""), EFA_PROGRAMS, NEURON_PROGRAMS])
    found = shutil.which(program, path=path)
    if not found:
        raise CheckError("missing-tool", program)
    return found


def start(argv, environment=None):
    """Starts a program in its own process group, so that its children end with it."""
    try:
        return subprocess.Popen(
            [find(argv[0])] + list(argv[1:]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise CheckError("failed", "%s: %s" % (argv[0], error.strerror))


def stop(process):
    """Ends a program and its children, and does not wait for one that hangs in the kernel."""
    kill_below(process.pid)
    process.kill()
    try:
        process.communicate(timeout=2)
    except (subprocess.TimeoutExpired, ValueError):
        pass


def finish(process, name, seconds):
    """Waits for a program; too long is an error of its own kind."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        stop(process)
        raise CheckError("timeout", "%s: %g s" % (name, seconds))
    return Output(process.returncode, out, err)


def run(argv, seconds, environment=None):
    """Runs a program to its end, whatever its exit code."""
    return finish(start(argv, environment), argv[0], seconds)


def run_well(argv, seconds, environment=None):
    """Runs a program whose exit code must be 0; returns its standard output."""
    output = run(argv, seconds, environment)
    if output.code != 0:
        raise CheckError("failed", said(argv[0], output))
    return output.out


def said(name, output):
    """The last words of a program that broke."""
    words = one_line(output.err.strip() or output.out.strip())
    return "%s: exit %s: %s" % (name, output.code, words[-120:])


def descendants(pid):
    """Processes below one, as /proc knows them. torchrun gives its workers process groups of their own."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
    found, edge = set(), {pid}
    while edge:
        edge = {child for child, parent in parents.items() if parent in edge} - found
        found |= edge
    return found


def kill_below(pid):
    """Ends everything below a process; one that is gone already or hangs in the kernel does not matter here."""
    for child in descendants(pid):
        try:
            os.kill(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def wait_or_stop(process, seconds):
    """Whether a process ended by itself in time. If not, it and all below it are ended, and nobody waits for long."""
    try:
        process.wait(timeout=seconds)
        return True
    except subprocess.TimeoutExpired:
        kill_below(process.pid)
        process.kill()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass
        return False
