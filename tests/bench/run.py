"""What cstream costs, against what people use today, on the same files in the same run.

    python3 tests/bench/run.py [--smoke] [ROW …]     rows: ecom narrow latency start memory files

Variants of a row alternate within each round (A B C, A B C …); a figure is the median of the rounds' ratios with
min..max. Every timed run is checked (row count and an order-free sum against the generator's) before its figure
counts. Prints a table and writes bench.json into the build folder."""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb

HERE = os.path.dirname(os.path.abspath(__file__))
# Figures are those of the release build: the tests' build has fault points.
os.environ.setdefault("CSTREAM_BIN", os.path.join(HERE, "..", "..", "build", "bin"))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from harness import BIN, SUBMIT, delta_replay, descendants, environment, name_of  # noqa: E402

SETS = {
    "ecom": {
        "ddl": "event_time TIMESTAMP, event_type STRING, product_id BIGINT, category_id BIGINT, category_code STRING, "
               "brand STRING, price DOUBLE, user_id BIGINT, user_session STRING",
        "duckdb": {"event_time": "TIMESTAMPTZ", "event_type": "VARCHAR", "product_id": "BIGINT", "category_id": "BIGINT",
                   "category_code": "VARCHAR", "brand": "VARCHAR", "price": "DOUBLE", "user_id": "BIGINT",
                   "user_session": "VARCHAR"},
        "sum": "user_id", "rows": 2000000, "smoke": 20000,
        # The session repeats over about five rows; a third of the category codes and every seventh brand are empty.
        "sql": """SELECT strftime(TIMESTAMP '2019-10-01' + INTERVAL (i // 40) SECOND, '%Y-%m-%d %H:%M:%S UTC') AS event_time,
            ['view','view','view','cart','remove_from_cart','purchase'][(1 + hash(i) % 6)::BIGINT] AS event_type,
            1000000 + hash(i * 3) % 99000000 AS product_id, 2053013552326770905 + (hash(i * 5) % 600)::BIGINT AS category_id,
            CASE WHEN hash(i * 7) % 10 < 3 THEN NULL ELSE 'category' || hash(i * 7) % 13 || '.sub' || hash(i * 11) % 10 END
                AS category_code,
            CASE WHEN hash(i * 13) % 100 < 15 THEN NULL ELSE 'brand' || hash(i * 13) % 3000 END AS brand,
            printf('%.2f', (hash(i * 17) % 100000) / 100.0) AS price, 500000000 + hash(i // 5) % 80000000 AS user_id,
            md5((i // 5)::VARCHAR)::UUID AS user_session FROM range({first}, {last}) t(i)""",
    },
    "narrow": {
        "ddl": "id BIGINT, name STRING, amount DECIMAL(10,2)",
        "duckdb": {"id": "BIGINT", "name": "VARCHAR", "amount": "DECIMAL(10,2)"},
        "sum": "id", "rows": 6000000, "smoke": 50000,
        "sql": """SELECT i AS id, 'name ' || hash(i) % 100000 AS name, printf('%.2f', (hash(i * 3) % 100000000) / 100.0)
            AS amount FROM range({first}, {last}) t(i)""",
    },
}
FILES = 16

DUCKDB_COPY = """
import duckdb, sys, json
source, target, columns = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
c = duckdb.connect()
c.execute("SET threads=2; SET preserve_insertion_order=false; SET TimeZone='UTC'")
c.execute("COPY (SELECT * FROM read_csv(?, header=true, delim=',', columns=%s)) TO '%s' (FORMAT parquet, COMPRESSION snappy)"
          % (json.dumps(columns).replace('"', "'"), target), [source + "/*.csv"])
"""
PYARROW_DELTA = """
import sys, json, glob, pyarrow as pa, pyarrow.csv as pc, deltalake
source, target, columns = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
types = {"TIMESTAMPTZ": pa.timestamp("us", "UTC"), "VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(),
         "DECIMAL(10,2)": pa.decimal128(10, 2)}
pa.set_cpu_count(2)
for path in sorted(glob.glob(source + "/*.csv")):
    table = pc.read_csv(path, convert_options=pc.ConvertOptions(
        column_types={k: (pa.timestamp("us") if v == "TIMESTAMPTZ" else types[v]) for k, v in columns.items()},
        timestamp_parsers=["%Y-%m-%d %H:%M:%S UTC"], strings_can_be_null=True))
    for index, (name, kind) in enumerate(columns.items()):
        if kind == "TIMESTAMPTZ":
            table = table.set_column(index, name, table.column(name).cast(types[kind]))
    deltalake.write_deltalake(target, table, mode="append")
"""


class Bench:
    def __init__(self, smoke, rounds):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="cstream-bench-", dir=base)
        self.smoke, self.rounds, self.figures = smoke, rounds, []

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def generate(self, name, rows, files=FILES):
        folder = self.path(name)
        os.makedirs(folder)
        for number in range(files):
            sql = SETS[name]["sql"].format(first=rows * number // files, last=rows * (number + 1) // files)
            duckdb.execute("COPY (%s) TO '%s/%03d.csv' (HEADER, DELIMITER ',')" % (sql, folder, number))
        column = SETS[name]["sum"]
        return duckdb.execute("SELECT count(*), sum(%s) FROM read_csv('%s/*.csv', columns=%s, header=true)" % (
            column, folder, json.dumps(SETS[name]["duckdb"]).replace('"', "'"))).fetchone()

    def clear(self, *names):
        for name in names:
            path = self.path(name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.remove(path)

    def figure(self, what, value, unit, reach=None, spread=None):
        self.figures.append({"what": what, "value": value, "unit": unit, "reach": reach, "spread": spread})
        print("note %-62s %8.3f %-6s %s %s" % (what, value, unit, "(%.2f..%.2f)" % spread if spread else "",
                                               "reach " + reach if reach else ""), flush=True)

    def ratio(self, what, ours, theirs, reach=None):
        ratios = [b / a for a, b in zip(ours, theirs)]
        self.figure(what, statistics.median(ratios), "x", reach, (min(ratios), max(ratios)))


def stream(bench, source, table, checkpoint, *extra, schema, trigger="availableNow", workers=2):
    return [SUBMIT, "-q", "--master", "local[%d]" % workers, "--schema", schema, "--checkpoint-location",
            bench.path(checkpoint)] + (["--trigger", trigger] if trigger else []) + list(extra) + [
                "csv:" + bench.path(source), "delta:" + bench.path(table)]


def timed(command):
    started = time.monotonic()
    result = subprocess.run(command, env=environment(None), capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    assert result.returncode == 0, result.stderr[-2000:]
    return seconds


def live_files(folder):
    table = delta_replay.Table(folder)
    return [table.file(add) for add in table.adds.values()]


def drain(bench, name):
    spec = SETS[name]
    truth = bench.generate(name, spec["smoke" if bench.smoke else "rows"])
    size = sum(os.path.getsize(bench.path(name, file)) for file in os.listdir(bench.path(name)))
    columns = json.dumps(spec["duckdb"])

    def check(files):
        got = duckdb.execute("SELECT count(*), sum(%s) FROM read_parquet(?)" % spec["sum"], [files]).fetchone()
        assert got == truth, "%s: %s is not %s" % (name, got, truth)
        return sum(map(os.path.getsize, files))

    times = {"cstream": [], "cstream 1 worker": [], "duckdb": [], "pyarrow": []}
    for _ in range(bench.rounds):
        for variant, workers in (("cstream", 2), ("cstream 1 worker", 1)):
            bench.clear("table", "chk")
            times[variant].append(timed(stream(bench, name, "table", "chk", "-r", "header=true", schema=spec["ddl"],
                                               workers=workers)))
            ours_bytes = check(live_files(bench.path("table")))
        bench.clear("duck.parquet")
        times["duckdb"].append(timed([sys.executable, "-c", DUCKDB_COPY, bench.path(name), bench.path("duck.parquet"), columns]))
        duck_bytes = check([bench.path("duck.parquet")])
        bench.clear("rs")
        times["pyarrow"].append(timed([sys.executable, "-c", PYARROW_DELTA, bench.path(name), bench.path("rs"), columns]))
        check(live_files(bench.path("rs")))
    bench.figure("%s: drain, 2 workers" % name, size / 1e6 / statistics.median(times["cstream"]), "MB/s")
    bench.ratio("%s: drain against DuckDB COPY, 2 threads" % name, times["cstream"], times["duckdb"], ">= 1.3" if name == "ecom" else None)
    bench.ratio("%s: drain against pyarrow.csv + delta-rs" % name, times["cstream"], times["pyarrow"], ">= 1.0" if name == "ecom" else None)
    bench.ratio("%s: 2 workers against 1" % name, times["cstream"], times["cstream 1 worker"])
    bench.figure("%s: bytes written against DuckDB" % name, ours_bytes / duck_bytes, "x")
    bench.clear(name, "table", "chk", "duck.parquet", "rs")


def land(bench, source, number, rows, first):
    text = "".join("%d,name %d,%d.50\n" % (first + row, row % 50, row) for row in range(rows))
    with open(bench.path("incoming"), "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(bench.path("incoming"), bench.path(source, "%06d.csv" % number))


def wait_version(path):
    deadline = time.monotonic() + 30
    while not os.path.exists(path):
        assert time.monotonic() < deadline, "no " + path
        time.sleep(0.0001)


def latency(bench):
    """On a real file system, all syncs on: a figure of durability, not of tmpfs."""
    folder = bench.folder
    bench.folder = tempfile.mkdtemp(prefix="cstream-bench-", dir=os.environ.get("CSTREAM_BENCH_DISK", HERE))
    try:
        os.mkdir(bench.path("src"))
        command = stream(bench, "src", "table", "chk", schema=SETS["narrow"]["ddl"], trigger=None)
        process = subprocess.Popen(command, env=environment(None))
        times = []
        for number in range(20 if bench.smoke else 300):
            land_at = time.monotonic()
            land(bench, "src", number, 1000, number * 1000)
            wait_version(bench.path("table", "_delta_log", "%020d.json" % number))
            times.append((time.monotonic() - land_at) * 1000)
            time.sleep(0.01)
        process.terminate()
        assert process.wait(30) == 0
        times = sorted(times[5:])
        bench.figure("latency of a 1,000-row file, p50", times[len(times) // 2], "ms", "<= 10")
        bench.figure("latency of a 1,000-row file, p99", times[len(times) * 99 // 100], "ms", "<= 40")
        count = sum(delta_replay.pyarrow.parquet.ParquetFile(file).metadata.num_rows for file in live_files(bench.path("table")))
        assert count == (20 if bench.smoke else 300) * 1000, count
    finally:
        shutil.rmtree(bench.folder)
        bench.folder = folder


def start(bench):
    times = []
    for number in range(3 if bench.smoke else 15):
        names = ["src%d" % number, "table%d" % number, "chk%d" % number]
        os.mkdir(bench.path(names[0]))
        land(bench, names[0], 0, 10, 0)
        began = time.monotonic()
        process = subprocess.Popen(stream(bench, *names, schema=SETS["narrow"]["ddl"]), env=environment(None))
        wait_version(bench.path(names[1], "_delta_log", "%020d.json" % 0))
        times.append((time.monotonic() - began) * 1000)
        assert process.wait(30) == 0
        bench.clear(*names)
    bench.figure("start of local[2] to the first commit", statistics.median(times), "ms", "<= 200", (min(times), max(times)))


def peaks(command):
    """Runs it; the largest VmHWM seen of each program, in MiB."""
    process = subprocess.Popen(command, env=environment(None))
    most = {}
    while process.poll() is None:
        for pid in descendants(process.pid):
            try:
                with open("/proc/%d/status" % pid, encoding="utf-8") as file:
                    fields = dict(line.split(":", 1) for line in file if ":" in line)
                most[name_of(pid)] = max(most.get(name_of(pid), 0), int(fields["VmHWM"].split()[0]) / 1024)
            except (OSError, KeyError):
                pass
        time.sleep(0.02)
    assert process.returncode == 0
    return most


def memory(bench):
    spec = SETS["ecom"]
    rows = 40000 if bench.smoke else 15000000
    truth = bench.generate("ecom", rows, files=1)
    size = os.path.getsize(bench.path("ecom", "000.csv")) / 1e9
    most = peaks(stream(bench, "ecom", "table", "chk", "-r", "header=true", schema=spec["ddl"]))
    got = duckdb.execute("SELECT count(*), sum(user_id) FROM read_parquet(?)", [live_files(bench.path("table"))]).fetchone()
    assert got == truth, (got, truth)
    bench.figure("worker memory at a %.1f GB input file" % size, most["cstream-worker"], "MiB", "<= 128")
    bench.clear("ecom", "table", "chk")


def files(bench):
    count = 2000 if bench.smoke else 100000
    os.mkdir(bench.path("many"))
    for number in range(count):
        with open(bench.path("many", "f%07d.csv" % number), "w", encoding="utf-8") as file:
            file.write("%d,a,1.00\n" % number)
    began = time.monotonic()
    most = peaks(stream(bench, "many", "table", "chk", schema=SETS["narrow"]["ddl"]))
    seconds = time.monotonic() - began
    rows = sum(delta_replay.pyarrow.parquet.ParquetFile(file).metadata.num_rows for file in live_files(bench.path("table")))
    assert rows == count, rows
    bench.figure("coordinator memory, %d files waiting" % count, most["cstream-coordinator"], "MiB", "<= 128")
    bench.figure("files a second, %d files of one row" % count, count / seconds, "1/s")
    bench.clear("many", "table", "chk")


def main():
    rows = {"ecom": lambda b: drain(b, "ecom"), "narrow": lambda b: drain(b, "narrow"), "latency": latency, "start": start,
            "memory": memory, "files": files}
    parser = argparse.ArgumentParser()
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("row", nargs="*", default=[])
    options = parser.parse_args()
    bench = Bench(options.smoke, 1 if options.smoke else options.rounds)
    passed = 0
    try:
        for name in options.row or rows:
            rows[name](bench)
            passed += 1
    finally:
        shutil.rmtree(bench.folder)
    if not options.smoke:
        with open(os.path.join(BIN, "..", "bench.json"), "w", encoding="utf-8") as file:
            json.dump(bench.figures, file, indent=1)
    print("%d passed, 0 failed" % passed)


if __name__ == "__main__":
    main()
