#!/usr/bin/env python3
"""Made the files beside it, once, with pyarrow 25: NAME.parquet and NAME.jsonl, its rows as cs_rows_json prints
them, from the values below and never from our reader."""
import decimal
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).resolve().parent
ROWS = 70


def save(name, table, rows, **options):
    pq.write_table(table, HERE / f"{name}.parquet", **options)
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    (HERE / f"{name}.jsonl").write_text("".join(line + "\n" for line in lines))


def nested():
    rows = []
    for i in range(ROWS):
        struct = None if i % 6 == 0 else {
            "a": i,
            "b": None if i % 5 == 0 else ["x" * (k + 1) if k % 2 else None for k in range(i % 4)],
            "m": {f"k{k}": None if k == 1 else i + k for k in range(i % 3)},
        }
        lists = None if i % 7 == 0 else [None if k == 2 else [i] * k for k in range(i % 4)]
        rows.append({"id": i, "s": struct, "l": lists})
    kind = pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string())), ("m", pa.map_(pa.string(), pa.int32()))])
    schema = pa.schema([pa.field("id", pa.int32(), nullable=False), ("s", kind), ("l", pa.list_(pa.list_(pa.int64())))])
    arrow = [dict(row, s=row["s"] and dict(row["s"], m=list(row["s"]["m"].items()))) for row in rows]
    table = pa.Table.from_pylist(arrow, schema)
    save("nested_v1", table, rows, data_page_version="1.0", compression="snappy", data_page_size=64, row_group_size=30)
    save("nested_v2", table, rows, data_page_version="2.0", compression="zstd", data_page_size=64, use_dictionary=False)


def encodings():
    rows = [{
        "i": None if i % 5 == 0 else i * i - 300,
        "l": (i - 35) * 10**15,
        "s": None if i % 7 == 0 else "common/prefix/%03d" % (i // 2),
        "t": "z" * (i % 9),
        "f": i / 4,
        "b": None if i % 11 == 0 else i % 3 == 0,
    } for i in range(ROWS)]
    schema = pa.schema([("i", pa.int32()), ("l", pa.int64()), ("s", pa.string()), ("t", pa.string()), ("f", pa.float64()),
                        ("b", pa.bool_())])
    table = pa.Table.from_pylist(rows, schema)
    for version in ("1.0", "2.0"):
        save(f"encodings_v{version[0]}", table, rows, data_page_version=version, compression="none", use_dictionary=False,
             column_encoding={"i": "DELTA_BINARY_PACKED", "l": "DELTA_BINARY_PACKED", "s": "DELTA_BYTE_ARRAY",
                              "t": "DELTA_LENGTH_BYTE_ARRAY", "f": "BYTE_STREAM_SPLIT", "b": "RLE"})


def physical():
    """Decimals in their physical forms, INT96, milliseconds."""
    rows, arrow = [], []
    for i in range(ROWS):
        cents = (i - 35) * 12345
        micros = (i - 35) * 86_400_000_000 + i * 1000
        text = str(decimal.Decimal(cents).scaleb(-2).quantize(decimal.Decimal("0.01")))
        arrow.append({"d9": decimal.Decimal(cents).scaleb(-2), "d18": decimal.Decimal(cents).scaleb(-2),
                      "d30": decimal.Decimal(cents).scaleb(-2), "at": micros, "ms": micros // 1000})
        rows.append((text, micros))
    schema = pa.schema([("d9", pa.decimal128(9, 2)), ("d18", pa.decimal128(18, 2)), ("d30", pa.decimal128(30, 2)),
                        ("at", pa.timestamp("us")), ("ms", pa.timestamp("ms", "UTC"))])
    table = pa.Table.from_pylist(arrow, schema)
    import datetime

    def stamp(micros):
        at = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)
        return at.strftime("%Y-%m-%dT%H:%M:%S.%f")

    def lines(zone):
        return ["".join(f'"{c}":"{t}",' for c in ("d9", "d18", "d30")) + f'"at":"{stamp(m)}{zone}","ms":"{stamp(m)}Z"'
                for t, m in rows]

    def write(name, zone, **options):
        pq.write_table(table, HERE / f"{name}.parquet", **options)
        (HERE / f"{name}.jsonl").write_text("".join("{" + line + "}\n" for line in lines(zone)))

    write("physical_int", "", store_decimal_as_integer=True)
    table = table.select(["d9", "d18", "d30", "at", "ms"])
    write("physical_flba", "", store_decimal_as_integer=False, use_dictionary=False, compression="gzip")
    only = table.select(["at"])
    pq.write_table(only, HERE / "int96.parquet", use_deprecated_int96_timestamps=True)
    (HERE / "int96.jsonl").write_text("".join(f'{{"at":"{stamp(m)}Z"}}\n' for _, m in rows))


nested()
encodings()
physical()
