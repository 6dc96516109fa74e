"""What the tests share: recorded outputs, tools that answer with them, and a report to fill."""

import os
import stat
import tempfile
import unittest

from report import CheckError, Report

CHECKS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def recorded(name):
    """One recorded output."""
    with open(os.path.join(CHECKS, "testdata", name)) as file:
        return file.read()


class CheckTest(unittest.TestCase):
    """A test with a folder of its own, and a PATH on which the tools are the ones the test made."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.report = Report()
        environment = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(environment)))
        os.environ["PATH"] = self.folder + os.pathsep + "/usr/bin" + os.pathsep + "/bin"

    def tool(self, name, script):
        """Puts a shell script on the PATH. `$DATA` is the folder of recorded outputs."""
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write("#!/bin/sh\nDATA='%s'\n%s\n" % (os.path.join(CHECKS, "testdata"), script))
        os.chmod(path, os.stat(path).st_mode | stat.S_IEXEC)

    def fails(self, kind, work, *arguments):
        """The error of that kind that work must end with."""
        with self.assertRaises(CheckError) as caught:
            work(*arguments)
        self.assertEqual(caught.exception.kind, kind, caught.exception.text)
        return caught.exception
