#!/usr/bin/env python3
"""Parquet files of Spark, delta-rs and pyarrow, read by our reader: the rows that Spark saw in them.

usage: parquet_golden.py PROPERTY_PARQUET_ROUNDTRIP [GOLDEN_DELTA_FOLDER]

Takes each table of tests/golden/delta (table.tar.gz, expected.json) whose rows are simply those of its live
files: no partitions, no deletion vectors, no column mapping. Log checkpoints in Parquet are compared with what
pyarrow reads. Needs pyarrow."""
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse

import pyarrow as pa
import pyarrow.parquet as pq


def golden(value, kind, arrow):
    """A value as the program prints it, in the encoding of expected.json. The file's own type (arrow) tells which
    fields its structs have."""
    if value is None:
        return None
    if isinstance(kind, str):
        if kind == "boolean":
            return value == "true"
        if kind == "string" or kind.startswith(("char", "varchar")):
            return bytes.fromhex(value).decode()
        if kind.startswith("decimal"):
            scale = int(kind[8:-1].split(",")[1])
            sign, digits = ("-", value[1:]) if value.startswith("-") else ("", value)
            digits = digits.rjust(scale + 1, "0")
            return sign + (digits[:-scale] + "." + digits[-scale:] if scale else digits)
        return value
    if kind["type"] == "array":
        return [golden(v, kind["elementType"], arrow.value_type) for v in value]
    if kind["type"] == "map":
        pairs = [[golden(k, kind["keyType"], arrow.key_type), golden(v, kind["valueType"], arrow.item_type)]
                 for k, v in value]
        return sorted(pairs, key=canonical)
    there = {arrow.field(i).name: (v, arrow.field(i).type) for i, v in enumerate(value)}
    return {f["name"]: golden(there[f["name"]][0], f["type"], there[f["name"]][1]) if f["name"] in there else None
            for f in kind["fields"]}


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def live_files(table):
    adds = {}
    if not (table / "_delta_log" / "00000000000000000000.json").is_file():
        return None  # the rest of the log is in a checkpoint
    for commit in sorted((table / "_delta_log").glob("*.json")):
        if not commit.stem.isdigit():
            continue
        for line in commit.read_text().splitlines():
            action = json.loads(line) if line.strip() else {}
            if action.get("add"):
                if action["add"].get("deletionVector"):
                    return None
                adds[action["add"]["path"]] = True
            if action.get("remove"):
                adds.pop(action["remove"]["path"], None)
    return [table / urllib.parse.unquote(path) for path in adds]


def read(program, path):
    out = subprocess.run([program, "read", path], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def check_rows(program, name, table, expected):
    fields = {f["name"]: f["type"] for f in expected["schema"]["fields"]}
    files = live_files(table)
    if files is None or not all(f.is_file() for f in files):
        return False
    rows = []
    for path in files:
        schema = pq.read_schema(path)
        names = schema.names
        if any(n not in fields for n in names):
            return False
        for row in read(program, path):
            values = {n: golden(v, fields[n], k) for n, v, k in zip(names, row, schema.types)}
            rows.append([values.get(n) for n in fields])
    ours, theirs = sorted(map(canonical, rows)), sorted(map(canonical, expected["rows"]))
    if ours != theirs:
        first = next(((o, t) for o, t in zip(ours, theirs) if o != t), (len(ours), len(theirs)))
        raise AssertionError(f"{name}: {first[0]} is not {first[1]}")
    return True


def spelled(value, kind):
    """A value of pyarrow as the program prints it."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return [spelled(value[kind.field(i).name], kind.field(i).type) for i in range(kind.num_fields)]
    if pa.types.is_map(kind):
        return [[spelled(k, kind.key_type), spelled(v, kind.item_type)] for k, v in value]
    if pa.types.is_list(kind):
        return [spelled(v, kind.value_type) for v in value]
    if pa.types.is_boolean(kind):
        return "true" if value else "false"
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return (value.encode() if isinstance(value, str) else value).hex()
    return str(value) if pa.types.is_integer(kind) else "?"


def same(ours, theirs):
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs or (theirs == "?" and ours is not None)


def check_checkpoint(program, path):
    table = pq.read_table(path)
    kinds = table.schema.types
    for ours, theirs in zip(read(program, path), table.to_pylist(), strict=True):
        theirs = [spelled(v, k) for v, k in zip(theirs.values(), kinds)]
        assert same(ours, theirs), (path, ours, theirs)


def main():
    here = pathlib.Path(__file__).resolve().parent
    program = sys.argv[1]
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else here.parent / "golden" / "delta"
    tables = checkpoints = skipped = 0
    for archive in sorted(folder.glob("*/table.tar.gz")):
        expected = json.loads((archive.parent / "expected.json").read_text())
        with tempfile.TemporaryDirectory() as temp:
            with tarfile.open(archive) as tar:
                tar.extractall(temp, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(temp)
            table = pathlib.Path(temp) / "table"
            for path in sorted((table / "_delta_log").glob("*.checkpoint*.parquet")):
                if path.stat().st_size > 0:
                    check_checkpoint(program, path)
                    checkpoints += 1
            simple = "rows" in expected and not expected.get("partitionColumns") and \
                "delta.columnMapping.mode" not in expected.get("configuration", {})
            if simple and check_rows(program, archive.parent.name, table, expected):
                tables += 1
            else:
                skipped += 1
    assert tables > 0, f"no golden table in {folder}"
    print(f"{tables} tables and {checkpoints} log checkpoints agree; {skipped} tables are not of this kind")


if __name__ == "__main__":
    main()
