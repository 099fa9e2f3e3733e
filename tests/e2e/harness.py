"""What the process-level tests share: a scratch folder per test, the programs, a ledger of generated rows, and a
runner that prints one line a test and `N passed, N failed, N skipped` at the end."""
import argparse
import collections
import concurrent.futures
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import delta_replay  # noqa: E402  (the independent reader)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("CSTREAM_BIN", os.path.join(ROOT, "build-test", "bin"))
SUBMIT = os.path.join(BIN, "cstream-submit")
SCHEMA = "id BIGINT, name STRING, amount DECIMAL(10,2)"
# The result of each drain is independent of these; short waits keep the suite short.
FAST = ["--conf", "cstream.noWorkersTimeout=20s"]


class Skip(Exception):
    """A test that cannot run here; the reason is printed and counted."""


Result = collections.namedtuple("Result", "code out err seconds")


class Case:
    """A scratch source, table and checkpoint, with the ledger of what was put into the source."""

    def __init__(self, name):
        self.folder = tempfile.mkdtemp(prefix="cstream-test-" + name[:24] + "-")
        self.source = os.path.join(self.folder, "in")
        self.table = os.path.join(self.folder, "table")
        self.checkpoint = os.path.join(self.folder, "chk")
        os.mkdir(self.source)
        self.ledger = collections.Counter()
        self.next_id = 0
        self.processes = []

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()
        subprocess.call(["chmod", "-R", "u+rwx", self.folder], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def rows(self, count):
        rows = []
        for _ in range(count):
            self.next_id += 1
            rows.append((self.next_id, "name %d" % (self.next_id % 7), "%d.%02d" % (self.next_id % 1000, self.next_id % 100)))
        return rows

    def put(self, name, count=10, header=False, rows=None):
        """Writes a file beside the source and renames it in, as a careful producer does; into the ledger."""
        rows = self.rows(count) if rows is None else rows
        text = ("id,name,amount\n" if header else "") + "".join("%d,%s,%s\n" % row for row in rows)
        self.put_text(name, text)
        self.ledger.update(rows)

    def put_text(self, name, text):
        path = os.path.join(self.source, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = os.path.join(self.folder, "incoming")
        with open(temporary, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.rename(temporary, path)

    def args(self, *extra, schema=SCHEMA, trigger="availableNow", workers=2, source=None, table=None, checkpoint=None):
        return [SUBMIT, "--master", "local[%d]" % workers, "--schema", schema, "--checkpoint-location",
                checkpoint or self.checkpoint] + (["--trigger", trigger] if trigger else []) + FAST + list(extra) + [
                    "csv:" + (source or self.source), "delta:" + (table or self.table)]

    def start(self, *extra, env=None, **options):
        process = subprocess.Popen(self.args(*extra, **options), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=environment(env), text=True, errors="replace")
        self.processes.append(process)
        return process

    def run(self, *extra, env=None, timeout=60, expect=0, **options):
        return call(self.args(*extra, **options), env=env, timeout=timeout, expect=expect)

    def command(self, *args, env=None, timeout=60, expect=0):
        return call([SUBMIT] + list(args), env=env, timeout=timeout, expect=expect)

    def check(self, table=None, readers=("replay", "delta-rs", "duckdb")):
        """The rows of the table, by independent readers, are the ledger's, each exactly once."""
        folder, columns = table or self.table, ["id", "name", "amount"]
        for reader in readers:
            if reader == "replay":
                found = delta_replay.Table(folder).rows(columns)
            elif reader == "delta-rs":
                found = delta_replay.rows_by_delta_rs(folder, columns)
            else:
                found = delta_replay.rows_by_duckdb(folder, columns)
            rows = collections.Counter(found)
            lost, extra = self.ledger - rows, rows - self.ledger
            assert not lost and not extra, "%s: lost %d rows %s, doubled or foreign %d rows %s" % (
                reader, sum(lost.values()), list(lost)[:3], sum(extra.values()), list(extra)[:3])


def environment(extra):
    env = dict(os.environ, NO_COLOR="1")
    for name in ("CS_FAULT", "CS_MUTANT", "CS_FAULT_TRACE"):
        env.pop(name, None)
    env.update(extra or {})
    return env


def call(args, env=None, timeout=60, expect=0):
    started = time.monotonic()
    process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(env), text=True,
                               errors="replace", stdin=subprocess.DEVNULL)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.kill()
        out, err = process.communicate()
        raise AssertionError("no end within %d s: %s\n%s" % (timeout, " ".join(args), err[-3000:]))
    result = Result(process.returncode, out, err, time.monotonic() - started)
    if expect is not None:
        assert result.code == expect, "exit %d, expected %d: %s\n%s%s" % (result.code, expect, " ".join(args), out[-500:],
                                                                      err[-3000:])
    return result


def wait_for(what, condition, timeout=20):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("waited %d s for %s" % (timeout, what))


def processes_with(text):
    """Pids of cstream processes whose command line holds `text`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                line = file.read().decode(errors="replace")
        except OSError:
            continue
        if "cstream-" in line.split("\0")[0] and text in line:
            found.append(int(pid))
    return found


def descendants(pid):
    """Pids of the children that cstream-submit started."""
    children = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % entry) as file:
                stat = file.read()
        except OSError:
            continue
        if int(stat[stat.rindex(")") + 2:].split()[1]) == pid:
            children.append(int(entry))
    return children


def name_of(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return os.path.basename(file.read().split(b"\0")[0].decode())
    except OSError:
        return ""


def load(folder, pattern):
    tests = []
    for name in sorted(os.listdir(folder)):
        if not name.startswith("test_") or not name.endswith(".py"):
            continue
        spec = importlib.util.spec_from_file_location(name[:-3], os.path.join(folder, name))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tests += [(key, value) for key, value in vars(module).items() if key.startswith("test_") and pattern in key]
    return tests


def main(folder):
    parser = argparse.ArgumentParser()
    parser.add_argument("pattern", nargs="?", default="")
    parser.add_argument("-j", type=int, default=2)
    options = parser.parse_args()
    counts = collections.Counter()
    lock = threading.Lock()

    def run_one(test):
        name, function = test
        case = Case(name[5:])
        started = time.monotonic()
        try:
            function(case)
            outcome, detail = "passed", ""
        except Skip as reason:
            outcome, detail = "skipped", ": %s" % reason
        except Exception:  # pylint: disable=broad-except
            outcome, detail = "failed", "\n" + traceback.format_exc()
        case.close()
        with lock:
            counts[outcome] += 1
            print("%-7s %s (%.1f s)%s" % (outcome, name, time.monotonic() - started, detail), flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        list(pool.map(run_one, load(folder, options.pattern)))
    print("%d passed, %d failed, %d skipped" % (counts["passed"], counts["failed"], counts["skipped"]))
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)
