"""Tables that cstream wrote, read by DuckDB, delta-rs and pyarrow; tables that delta-rs wrote, continued by cstream.
Every reader must give the generated rows."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import harness  # noqa: E402

if __name__ == "__main__":
    sys.modules.setdefault("harness", harness)
    harness.main(HERE)
