import collections
import datetime
import decimal
import json
import os
import struct

import deltalake
import duckdb
import pyarrow

from harness import delta_replay

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)


def canonical(value):
    """One spelling for a value, whoever read it."""
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, datetime.datetime):
        if value.tzinfo:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return "us%d" % ((value - EPOCH) // datetime.timedelta(microseconds=1))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, decimal.Decimal):
        return str(value)
    return value


def rows_of(arrow_table):
    columns = [arrow_table.column(index).to_pylist() for index in range(arrow_table.num_columns)]
    return collections.Counter(tuple(map(canonical, row)) for row in zip(*columns))


def by_replay(folder, columns):
    rows = collections.Counter()
    for _, data in delta_replay.Table(folder).read():
        rows += rows_of(data.select(columns))
    return rows


def by_delta_rs(folder, columns):
    return rows_of(pyarrow.table(deltalake.DeltaTable(folder).to_pyarrow_table()).select(columns))


def by_duckdb(folder, columns):
    """The live files of the log, by DuckDB's Parquet reader."""
    table = delta_replay.Table(folder)
    files = [table.file(add) for add in table.adds.values()]
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    names = ", ".join('"%s"' % column for column in columns)
    result = connection.execute("SELECT %s FROM read_parquet(?, union_by_name=true)" % names, [files])
    return collections.Counter(tuple(map(canonical, row)) for row in result.fetchall())


READERS = {"replay": by_replay, "delta-rs": by_delta_rs, "duckdb": by_duckdb}

TYPES = [
    # column, DDL type, text in the file, value
    ("b", "BOOLEAN", ["true", "FALSE", ""], [True, False, None]),
    ("i8", "TINYINT", ["-128", "127", "0"], [-128, 127, 0]),
    ("i16", "SMALLINT", ["-32768", "32767", ""], [-32768, 32767, None]),
    ("i32", "INT", ["-2147483648", "2147483647", "007"], [-2**31, 2**31 - 1, 7]),
    ("i64", "BIGINT", ["-9223372036854775808", "9223372036854775807", "+5"], [-2**63, 2**63 - 1, 5]),
    ("f", "FLOAT", ["1.5", "-0.25", "1e10"], [1.5, -0.25, 1e10]),
    ("d", "DOUBLE", ["0.1", "-1e308", ""], [0.1, -1e308, None]),
    ("dec9", "DECIMAL(9,2)", ["1234567.89", "-0.01", "0"],
     [decimal.Decimal("1234567.89"), decimal.Decimal("-0.01"), decimal.Decimal("0.00")]),
    ("dec18", "DECIMAL(18,4)", ["12345678901234.5678", "-1", ""],
     [decimal.Decimal("12345678901234.5678"), decimal.Decimal("-1.0000"), None]),
    ("dec38", "DECIMAL(38,10)", ["1234567890123456789012345678.0123456789", "-0.0000000001", "7"],
     [decimal.Decimal("1234567890123456789012345678.0123456789"), decimal.Decimal("-0.0000000001"),
      decimal.Decimal("7.0000000000")]),
    ("s", "STRING", ["plain", '"with ""quotes"", commas"', "é"], ["plain", 'with "quotes", commas', "é"]),
    ("bin", "BINARY", ["abc", "é", ""], [b"abc", "é".encode(), None]),
    ("day", "DATE", ["2024-02-29", "1969-12-31", ""], [datetime.date(2024, 2, 29), datetime.date(1969, 12, 31), None]),
    ("ts", "TIMESTAMP", ["2019-10-01 00:00:00 UTC", "1969-12-31T23:59:59.999999Z", "2024-01-01 12:00:00.5+02:00"],
     [datetime.datetime(2019, 10, 1, tzinfo=UTC), datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
      datetime.datetime(2024, 1, 1, 10, 0, 0, 500000, UTC)]),
]


def write_all_types(case, types):
    case.put_text("types.csv", "".join(",".join(texts[row] for _, _, texts, _ in types) + "\n" for row in range(3)))
    case.run(schema=", ".join("%s %s" % (name, ddl) for name, ddl, _, _ in types))
    columns = [name for name, _, _, _ in types]
    expected = collections.Counter(tuple(canonical(values[row]) for _, _, _, values in types) for row in range(3))
    for reader, read in READERS.items():
        rows = read(case.table, columns)
        assert rows == expected, "%s: missing %s, extra %s" % (reader, expected - rows, rows - expected)


def test_every_flat_type_is_read_alike_by_all(case):
    write_all_types(case, TYPES)


def test_timestamp_ntz_table_is_read_alike_by_all(case):
    write_all_types(case, TYPES[:3] + [("ntz", "TIMESTAMP_NTZ", ["2024-01-01 12:00:00.000001", "1900-01-01", ""],
                                        [datetime.datetime(2024, 1, 1, 12, 0, 0, 1), datetime.datetime(1900, 1, 1), None])])


def test_drained_table_is_read_alike_by_all(case):
    for number in range(4):
        case.put("%d.csv" % number, 5000)
    case.run("-r", "maxFilesPerTrigger=2", "--conf", "cstream.splitBytes=65536")
    case.check()
    for reader, read in READERS.items():
        rows = read(case.table, ["id", "name", "amount"])
        assert rows == case.ledger, reader


def test_statistics_of_the_log_hold_for_the_rows(case):
    write_all_types(case, TYPES)
    for add, data in delta_replay.Table(case.table).read():
        stats = json.loads(add["stats"], parse_float=decimal.Decimal)
        assert stats["numRecords"] == data.num_rows
        for name, _, _, _ in TYPES:
            column = data.column(name)
            assert stats["nullCount"][name] == column.null_count, name
            values = [value for value in column.to_pylist() if value is not None]
            if name in ("b", "bin") or not values:
                assert name not in stats["minValues"], name
                continue
            low, high = stats["minValues"][name], stats["maxValues"][name]
            if isinstance(values[0], datetime.datetime):
                low = datetime.datetime.fromisoformat(low.replace("Z", "+00:00"))
                high = datetime.datetime.fromisoformat(high.replace("Z", "+00:00")) + datetime.timedelta(milliseconds=1)
            elif isinstance(values[0], float):
                low, high = float(low), float(high)
            elif isinstance(values[0], datetime.date):
                low, high = datetime.date.fromisoformat(low), datetime.date.fromisoformat(high)
            assert low <= min(values) and max(values) <= high, (name, low, high, values)


def test_delta_rs_skips_by_our_statistics_without_losing_rows(case):
    for number in range(3):
        case.put("%d.csv" % number, 1000)
    case.run("-r", "maxFilesPerTrigger=1")
    table = deltalake.DeltaTable(case.table)
    wanted = sum(1 for row in case.ledger if 900 <= row[0] <= 1100)
    data = pyarrow.table(table.to_pyarrow_table(filters=[("id", ">=", 900), ("id", "<=", 1100)]))
    assert data.num_rows == wanted


def test_table_made_by_delta_rs_is_continued(case):
    rows = case.rows(5)
    deltalake.write_deltalake(case.table, pyarrow.table({
        "id": pyarrow.array([row[0] for row in rows], pyarrow.int64()), "name": [row[1] for row in rows],
        "amount": pyarrow.array([decimal.Decimal(row[2]) for row in rows], pyarrow.decimal128(10, 2))}))
    case.ledger.update(rows)
    case.put("a.csv", 10)
    case.run()
    case.check()
    assert by_delta_rs(case.table, ["id", "name", "amount"]) == case.ledger


def test_checkpoints_of_delta_rs_are_read(case):
    for number in range(3):
        case.put("%d.csv" % number, 10)
    case.run("-r", "maxFilesPerTrigger=1")
    deltalake.DeltaTable(case.table).create_checkpoint()
    for version in range(2):
        os.remove(os.path.join(case.table, "_delta_log", "%020d.json" % version))
    assert case.command("count", case.table).out == "30\n"
    case.put("z.csv", 10)
    case.run()
    case.check()


def test_foreign_appends_between_our_batches_are_kept(case):
    case.put("a.csv", 10)
    case.run()
    rows = case.rows(3)
    deltalake.write_deltalake(case.table, pyarrow.table({
        "id": pyarrow.array([row[0] for row in rows], pyarrow.int64()), "name": [row[1] for row in rows],
        "amount": pyarrow.array([decimal.Decimal(row[2]) for row in rows], pyarrow.decimal128(10, 2))}), mode="append")
    case.ledger.update(rows)
    case.put("b.csv", 10)
    case.run()
    case.check()


def test_transactions_are_seen_by_delta_rs(case):
    case.put("a.csv", 10)
    case.put("b.csv", 10)
    case.run("-r", "maxFilesPerTrigger=1")
    table = delta_replay.Table(case.table)
    streams = [app for app in table.txns if not app.startswith("cstream-digest:")]
    assert len(streams) == 1 and table.txns[streams[0]] == 1
    assert deltalake.DeltaTable(case.table).transaction_version(streams[0]) == 1


def test_head_prints_what_the_readers_read(case):
    write_all_types(case, TYPES)
    out = case.command("head", "-n", "all", "-o", "json", case.table).out
    ours = [json.loads(line, parse_float=str) for line in out.splitlines()]
    expected = [{name: values[row] for name, _, _, values in TYPES} for row in range(3)]
    assert len(ours) == 3
    for row in expected:
        mine = [each for each in ours if each["i64"] == row["i64"]][0]
        assert mine["dec38"] == format(row["dec38"], "f"), mine
        assert mine["s"] == row["s"] and mine["i8"] == row["i8"] and mine["b"] == row["b"]
        if row["d"] is not None:
            assert float(mine["d"]) == row["d"]
        if row["ts"] is not None:
            assert mine["ts"] == row["ts"].strftime("%Y-%m-%dT%H:%M:%S.%fZ"), mine
