"""Parquet alone: random files of our writer read by pyarrow and DuckDB, files of others read by our reader."""
import os
import subprocess
import sys

from harness import BIN

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(BIN, "..", "tests", "property_parquet_roundtrip")


def run(script, *args):
    result = subprocess.run([sys.executable, os.path.join(HERE, script), PROGRAM] + list(args), capture_output=True, text=True,
                            timeout=300, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]


def test_random_parquet_files_of_ours_are_read_alike(_):
    run("parquet_roundtrip.py", "1", "8")


def test_golden_parquet_files_of_others_are_read_right(_):
    run("parquet_golden.py")
