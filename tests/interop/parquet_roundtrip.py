#!/usr/bin/env python3
"""Files of our Parquet writer, read by pyarrow and DuckDB: every value, every statistic.

usage: parquet_roundtrip.py PROPERTY_PARQUET_ROUNDTRIP [SEED [COUNT]]

The program writes random rows and says in N.rows and N.bounds what it meant; the two readers say what is there.
Needs pyarrow and duckdb."""
import datetime
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

TEXT_BOUND_BYTES = 64


def plain(value, kind):
    """A value of pyarrow as N.rows spells it."""
    if value is None:
        return None
    if pa.types.is_boolean(kind):
        return "true" if value else "false"
    if pa.types.is_float32(kind):
        return "7fc00000" if math.isnan(value) else struct.pack(">f", value).hex()
    if pa.types.is_float64(kind):
        return "7ff8000000000000" if math.isnan(value) else struct.pack(">d", value).hex()
    if pa.types.is_decimal(kind):
        sign, digits, _ = value.as_tuple()
        number = int("".join(map(str, digits)))
        return str(-number if sign else number)
    if pa.types.is_string(kind):
        return value.encode().hex()
    if pa.types.is_binary(kind):
        return value.hex()
    return str(value)


def columns_of(table):
    out = []
    for column in table.columns:
        kind = column.type
        if pa.types.is_date32(kind):
            column = column.cast(pa.int32())
        elif pa.types.is_timestamp(kind):
            assert kind.unit == "us", kind
            column = column.cast(pa.int64())
        out.append([plain(v, column.type) for v in column.to_pylist()])
    return out


def order_key(kind):
    """Decodes a spelled value to something that compares as Parquet orders the type."""
    if pa.types.is_floating(kind):
        code = ">f" if pa.types.is_float32(kind) else ">d"
        return lambda s: struct.unpack(code, bytes.fromhex(s))[0]
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return bytes.fromhex
    if pa.types.is_boolean(kind):
        return lambda s: s == "true"
    return int


def stat_key(value, kind):
    """A bound from pyarrow's statistics, comparable with order_key's results."""
    if pa.types.is_decimal(kind):
        return int(plain(value, kind))
    if pa.types.is_string(kind):
        return value if isinstance(value, bytes) else value.encode()
    if pa.types.is_date32(kind) and isinstance(value, datetime.date):
        return (value - datetime.date(1970, 1, 1)).days
    return value


def exact_flags(path):
    query = f"select row_group_id, column_id, min_is_exact, max_is_exact from parquet_metadata('{path}')"
    try:
        return {(g, c): (low, high) for g, c, low, high in duckdb.sql(query).fetchall()}
    except duckdb.ConversionException:  # it prints the bounds too, and cannot where a timestamp is at its edge
        return None


def check_statistics(path, kinds, wanted):
    meta = pq.ParquetFile(path).metadata
    exact = exact_flags(path)
    row = 0
    for g in range(meta.num_row_groups):
        group = meta.row_group(g)
        for c, kind in enumerate(kinds):
            spelled = wanted[c][row:row + group.num_rows]
            chunk = group.column(c)
            values = [order_key(kind)(v) for v in spelled if v is not None]
            stats = chunk.statistics
            assert chunk.num_values == group.num_rows
            assert stats.null_count == len(spelled) - len(values), (path, g, c)
            nan = pa.types.is_floating(kind) and any(math.isnan(v) for v in values)
            if not values or nan:
                assert not stats.has_min_max, (path, g, c)
                continue
            physical = stats.physical_type
            text = physical == "BYTE_ARRAY"
            if not stats.has_min_max:
                assert text and len(max(values)) > TEXT_BOUND_BYTES, (path, g, c)
                continue
            if pa.types.is_date32(kind) or pa.types.is_timestamp(kind) or pa.types.is_integer(kind):
                low, high = stats.min_raw, stats.max_raw
            else:
                low, high = stat_key(stats.min, kind), stat_key(stats.max, kind)
            if text:
                assert low <= min(values) and high >= max(values), (path, g, c)
                assert len(low) <= TEXT_BOUND_BYTES and len(high) <= TEXT_BOUND_BYTES + 1
                assert min(values).startswith(low)
                assert exact is None or exact[g, c] == (low == min(values), high == max(values)), (path, g, c)
            else:
                assert low == min(values) and high == max(values), (path, g, c, low, min(values), high, max(values))
            if pa.types.is_floating(kind) and low == 0:
                assert math.copysign(1, low) == -1
            if pa.types.is_floating(kind) and high == 0:
                assert math.copysign(1, high) == 1
        row += group.num_rows
    assert row == meta.num_rows


def check_bounds(path, kinds, wanted):
    for line, kind, spelled in zip(path.with_suffix(".bounds").read_text().splitlines(), kinds, wanted):
        nulls, has_value, has_nan, all_nan, *bounds = line.split()
        values = [order_key(kind)(v) for v in spelled if v is not None]
        numbers = [v for v in values if not (pa.types.is_floating(kind) and math.isnan(v))]
        assert int(nulls) == len(spelled) - len(values), path
        assert has_value == str(int(bool(numbers))), path
        assert has_nan == str(int(len(numbers) < len(values))), path
        assert all_nan == str(int(bool(values) and not numbers)), path
        if not numbers:
            continue
        if pa.types.is_floating(kind):
            found = [struct.unpack(">d", bytes.fromhex(b))[0] for b in bounds]
            assert math.copysign(1, found[0]) == math.copysign(1, min(numbers))  # min() keeps the first too
            assert math.copysign(1, found[1]) == math.copysign(1, max(numbers))
        elif bounds[0].startswith("x"):
            found = [bytes.fromhex(b[1:]) for b in bounds]
        else:
            found = [int(b) for b in bounds]
        assert found == [min(numbers), max(numbers)], (path, kind, found)


def check_duckdb(path, table):
    """DuckDB's rows are pyarrow's, and a filter on the bounds finds them: statistics are not too narrow."""
    con = duckdb.connect()
    con.execute("set timezone='UTC'")
    theirs = con.execute(f"select * from read_parquet('{path}')").to_arrow_table()
    for mine, other in zip(table.columns, theirs.columns):
        if mine.type != other.type:
            other = other.cast(mine.type)
        mine, other = mine.combine_chunks(), other.combine_chunks()
        same = [plain(v, mine.type) if not pa.types.is_temporal(mine.type) else v for v in raw(mine)] == [
            plain(v, mine.type) if not pa.types.is_temporal(mine.type) else v for v in raw(other)]
        assert same, (path, mine.type)
    for name in table.column_names:
        kind = table.schema.field(name).type
        if table.num_rows == 0 or pa.types.is_floating(kind) or pa.types.is_temporal(kind):
            continue
        values = [v for v in table[name].to_pylist() if v is not None]
        if not values:
            continue
        for bound in (min(values), max(values)):
            found = con.execute(f"select count(*) from read_parquet('{path}') where {name} = ?", [bound]).fetchone()[0]
            assert found == values.count(bound), (path, name, bound, found, values.count(bound))


def raw(array):
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    elif pa.types.is_date32(array.type):
        array = array.cast(pa.int32())
    return array.to_pylist()


def main():
    program, seed, count = sys.argv[1], *(int(a) for a in (sys.argv[2:] + ["1", "60"])[:2])
    print(f"seeds {seed}..{seed + count - 1}, pyarrow {pa.__version__}, duckdb {duckdb.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "write", folder, str(seed), str(count)], check=True, stdout=subprocess.DEVNULL)
        for path in sorted(pathlib.Path(folder).glob("*.parquet")):
            rows = [json.loads(line) for line in path.with_suffix(".rows").read_text().splitlines()]
            table = pq.read_table(path)
            kinds = table.schema.types
            found = columns_of(table)
            wanted = [[row[c] for row in rows] for c in range(len(kinds))]
            assert found == wanted, path
            check_statistics(path, kinds, wanted)
            check_bounds(path, kinds, wanted)
            check_duckdb(path, table)
    print(f"{count} files agree")


if __name__ == "__main__":
    main()
