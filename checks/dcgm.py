"""NVIDIA's own diagnosis: `dcgmi diag -j` of DCGM 3 and 4."""

import json

from report import CheckError, parsing
from tools import find, run, said

LEVELS = {"quick": "1", "standard": "2", "deep": "3"}
SECONDS = {"quick": 90, "standard": 900, "deep": 3000}
ROOTS = ("DCGM Diagnostic", "DCGM GPU Diagnostic")
WORDS = {"pass": "pass", "fail": "fail", "warn": "warn", "skip": "skip", "not run": "skip", "notrun": "skip"}
#: DCGM_ERROR_CONFIG: the setting of a node (persistence mode, say), nothing a GPU could help.
SEVERITY_CONFIG = 5


def parse_diag(text):
    """JSON of `dcgmi diag -j` → ({pass, fail, warn, skip, config}, names of the tests that failed)."""
    counts = {"pass": 0, "fail": 0, "warn": 0, "skip": 0, "config": 0}
    failed = set()
    with parsing("dcgmi"):
        for test in tests_of(load(text)):
            for result in results_of(test):
                word = word_of(test, result)
                counts[word] += 1
                if word == "fail":
                    failed.add(str(test["name"]))
    if not any(counts.values()):
        raise CheckError("parse", "dcgmi gave no result")
    return counts, sorted(failed)


def word_of(test, result):
    """pass, fail, warn, skip, or config for a complaint about a setting of the node."""
    word = WORDS.get(str(result["status"]).lower())
    if word is None:
        raise CheckError("parse", "dcgmi: status %r of %s" % (result["status"], test["name"]))
    return "config" if word in ("fail", "warn") and is_setting(result) else word


def load(text):
    """The diagnosis inside the answer; words before and after the JSON do not count."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0:
        raise CheckError("parse", "dcgmi: %s" % text.strip()[:100])
    document = json.loads(text[start : end + 1])
    body = next((document[root] for root in ROOTS if root in document), None)
    if body is None:
        raise CheckError("parse", "dcgmi: neither %s nor %s" % ROOTS)
    if body.get("runtime_error"):
        raise CheckError("failed", "dcgmi: %s" % body["runtime_error"])
    return body


def tests_of(body):
    """All tests of all categories."""
    return [test for category in body["test_categories"] for test in category.get("tests") or []]


def results_of(test):
    """Results per GPU; DCGM 4 may give only a summary."""
    return test.get("results") or [test.get("test_summary") or {}]


def is_setting(result):
    """Whether every warning of a result is about a setting of the node."""
    warnings = result.get("warnings") or []
    return bool(warnings) and all(warning.get("error_severity") == SEVERITY_CONFIG for warning in warnings)


def measure(report, level):
    """Part gpu.dcgm. The exit code tells nothing: it is not 0 for a warning about a setting too."""
    find("dcgmi")
    try:
        run(["nv-hostengine"], 20)  # Says that one is running already, where one is.
    except CheckError:
        pass
    output = run(["dcgmi", "diag", "-r", LEVELS[level], "-j"], SECONDS[level])
    if "{" not in output.out:
        raise CheckError("failed", said("dcgmi", output))
    counts, failed = parse_diag(output.out)
    for word in sorted(counts):
        report.add("gpu.dcgm.%s.count" % word, counts[word])
    if failed:
        report.at["gpu.dcgm.fail.count"] = ",".join(failed)[:80]
