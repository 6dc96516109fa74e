"""Tests of the checks: python3 -m unittest discover -s checks/tests -t checks."""
