"""What a check says: measurements, errors of four kinds, one line of JSON of at most 4,096 bytes. Never a verdict."""

import contextlib
import functools
import json
import math
import os
import socket
import sys

#: What the kubelet keeps of a termination message.
MAX_BYTES = 4096
#: Errors that are kept, without their texts, when the line is too long; fewer when it still is.
MAX_ERRORS = 20
#: Longest text of an error, in bytes; and when the line is too long.
TEXT_BYTES = 160
SHORT_TEXT_BYTES = 40

KINDS = ("missing-tool", "timeout", "parse", "failed")


class CheckError(Exception):
    """A part of a check could not measure. `kind` is one of KINDS; it says nothing about the health of the node."""

    def __init__(self, kind, text):
        assert kind in KINDS, kind
        super().__init__(text)
        self.kind = kind
        self.text = text


@contextlib.contextmanager
def parsing(tool):
    """What a tool said is not of the shape we know: an error of its own kind, whatever Python calls it."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise CheckError("parse", "%s: %s: %s" % (tool, type(error).__name__, error))


class Report:
    """Collects what the parts of one check measured and where they failed to measure."""

    def __init__(self, head=None):
        self.head = dict(head or {})
        self.measured = {}
        self.at = {}
        self.gpus = []
        self.errors = []

    def add(self, name, value, at=None):
        """Keeps one number. What is no finite number is an error of the part that gave it, never a value."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise CheckError("parse", "%s is no number: %r" % (name, value))
        self.measured[name] = rounded(value)
        if at is not None:
            self.at[name] = at

    def error(self, check, kind, text):
        """Notes that a part could not measure."""
        self.errors.append({"check": check, "kind": kind, "text": cut(one_line(text), TEXT_BYTES)})

    def merge(self, other):
        """Takes over what a part that ran in its own process wrote down (the dictionary of `to_dict`)."""
        self.head.update(other.get("head", {}))
        self.measured.update(other.get("m", {}))
        self.at.update(other.get("at", {}))
        self.gpus = other.get("gpus") or self.gpus
        self.errors.extend(other.get("errors", []))

    def to_dict(self):
        """Everything, for `merge`."""
        return {
            "head": self.head,
            "m": self.measured,
            "at": self.at,
            "gpus": self.gpus,
            "errors": self.errors,
        }

    def line(self, limit=MAX_BYTES):
        """The line for the termination message. Gives up what people read first; measurements stay."""
        steps = [self._whole, self._without_places, self._short_texts, self._one_name_per_gpu, self._without_texts]
        steps += [functools.partial(self._few_errors, count) for count in (MAX_ERRORS, 10, 5, 0)]
        for step in steps:
            text = compact(step())
            if len(text.encode("utf-8")) <= limit:
                return text
        return compact(self._nothing_fits())

    def _whole(self):
        body = {"v": 1}
        body.update(self.head)
        if self.gpus:
            body["gpus"] = self.gpus
        body["m"] = {name: self.measured[name] for name in sorted(self.measured)}
        if self.at:
            body["at"] = self.at
        body["errors"] = self.errors
        return body

    def _without_places(self):
        body = self._whole()
        body.pop("at", None)
        return body

    def _short_texts(self):
        body = self._without_places()
        body["errors"] = [dict(error, text=cut(error["text"], SHORT_TEXT_BYTES)) for error in self.errors]
        return body

    def _one_name_per_gpu(self):
        body = self._short_texts()
        if self.gpus:
            body["gpus"] = [{"serial": gpu["serial"]} if gpu.get("serial") else gpu for gpu in self.gpus]
        return body

    def _without_texts(self):
        body = self._one_name_per_gpu()
        body["errors"] = [{"check": error["check"], "kind": error["kind"]} for error in self.errors]
        return body

    def _few_errors(self, count):
        body = self._without_texts()
        if len(self.errors) > count:
            body["errors"] = body["errors"][:count]
            body["errorsCut"] = len(self.errors) - count
        return body

    def _nothing_fits(self):
        """Cannot happen with the measurements of MEASUREMENTS.md (a test fills them all); a half line would be worse."""
        body = {"v": 1}
        body.update(self.head)
        body["m"] = {}
        body["errors"] = [{"check": "report", "kind": "failed", "text": "the line does not fit, see the log"}]
        return body


def compact(body):
    """JSON without spaces, in one line."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def rounded(value):
    """Whole numbers as they are, others with five digits: a line holds about a hundred of them."""
    if not float(value).is_integer():
        value = float("%.5g" % value)
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value


def one_line(text):
    """Text of a tool, without line ends and characters that do not print."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def cut(text, size):
    """At most `size` bytes of UTF-8, whole characters."""
    return text.encode("utf-8")[:size].decode("utf-8", "ignore")


def node_head(check, environment=os.environ, boot_id_file="/proc/sys/kernel/random/boot_id"):
    """What every line begins with: which check, at which level, on which node and boot of it."""
    head = {
        "level": environment.get("LEVEL", "standard"),
        "check": check,
        "node": environment.get("NODE_NAME") or socket.gethostname(),
    }
    try:
        with open(boot_id_file) as file:
            head["bootId"] = file.read().strip()
    except OSError:
        head["bootId"] = ""
    return head


def publish(line, path):
    """Writes the line where the kubelet looks for it and where `kubectl logs` shows it."""
    print(line, flush=True)
    try:
        with open(path, "w") as file:
            file.write(line)
    except OSError as error:
        # By hand there is no such file, and the line is on the screen already.
        print("not written to %s: %s" % (path, error.strerror), file=sys.stderr)
