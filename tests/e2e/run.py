"""End to end, with real processes: python3 tests/e2e/run.py [PATTERN] [-j N]"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

if __name__ == "__main__":
    sys.modules.setdefault("harness", harness)
    harness.main(os.path.dirname(os.path.abspath(__file__)))
