"""kill -9 at every named fault point of coordinator and worker, restart, compare with the ledger.

    python3 tests/crash/run.py [INJECTIONS] [--seed N] [--point NAME]

A round: a fresh source, some files, a run that dies at one point (the n-th passing), more files, restarts (every
other one dies again somewhere) until a run ends well. Then always: the rows equal the ledger exactly once; every
version is readable and holds whole batches only; nothing that the log does not name is left. The points are read
from the source, so that a new one is tested without a word here."""
import collections
import concurrent.futures
import glob
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import harness  # noqa: E402
from harness import Case, delta_replay, environment  # noqa: E402

ROUNDS_AT_ONCE = 3
RESTARTS_MAX = 12


def points():
    found = set()
    for folder in ("common", "coordinator", "worker"):
        for path in glob.glob(os.path.join(harness.ROOT, folder, "**", "*.c"), recursive=True):
            with open(path, encoding="utf-8") as file:
                found.update(re.findall(r'CS_FAULT\("([a-z0-9_.]+)"\)', file.read()))
    return sorted(found)


def passings():
    """How often one process passes each point in a plain run."""
    case = Case("trace")
    trace = os.path.join(case.folder, "trace")
    for number in range(6):
        case.put("%d.csv" % number, 20)
    case.run("-r", "maxFilesPerTrigger=2", env={"CS_FAULT_TRACE": trace}, workers=1)
    with open(trace, encoding="utf-8") as file:
        counts = collections.Counter(line.strip() for line in file)
    case.close()
    return counts


def drain(case, env, rng):
    """One run to its end, sometimes ended from outside; returns (finished, killed by the fault)."""
    args = case.args("-r", "maxFilesPerTrigger=2", workers=rng.choice((1, 2)))
    process = subprocess.Popen(args, env=environment(env), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               errors="replace", start_new_session=True)
    if env is None and rng.random() < 0.3:
        # Everything at a random moment.
        try:
            process.wait(rng.random() * 0.25)
        except subprocess.TimeoutExpired:
            for pid in harness.descendants(process.pid) + [process.pid]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait()
            process.stderr.close()
            return False, True
    try:
        _, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        _, err = process.communicate()
        raise AssertionError("a run with %s did not end in 60 s\n%s" % (env, err[-2000:]))
    if process.returncode == 0:
        return True, "killed by signal 9" in err
    if "killed by signal 9" in err or "task ended" in err:
        return False, True
    raise AssertionError("exit %d with %s\n%s" % (process.returncode, env, err[-2000:]))


def check(case):
    case.check(readers=("replay",))
    table = delta_replay.Table(case.table)
    batches = collections.Counter(info["cstream"]["batch"] for info in table.infos)
    assert all(count == 1 for count in batches.values()), batches
    assert [int(info["cstream"]["batch"]) for info in table.infos] == list(range(len(table.infos))), batches
    # Whole batches only: each version adds exactly the rows of the files that it names.
    for version, info in enumerate(table.infos):
        rows = collections.Counter(delta_replay.Table(case.table, version).rows(["id", "name", "amount"]))
        wanted = sum(case.file_rows[name] for each in table.infos[:version + 1] for name in each["cstream"]["files"])
        assert sum(rows.values()) == wanted, "version %d has %d rows, its files %d" % (version, sum(rows.values()), wanted)
    names = {os.path.relpath(path, case.table) for path in glob.glob(case.table + "/**/*.parquet", recursive=True)}
    orphans = names - {delta_replay.urllib.parse.unquote(path) for path in table.adds}
    assert not orphans, "orphans stay: %s" % sorted(orphans)[:3]
    left = [name for name in os.listdir(case.table + "/_delta_log") if name.startswith(".")]
    assert not left, "temporaries stay: %s" % left


def one_round(seed, point, number):
    rng = random.Random(seed)
    case = Case("crash")
    case.file_rows = {}
    killed = 0

    def land(count):
        for _ in range(count):
            name, rows = "f%04d.csv" % len(case.file_rows), rng.choice((0, 1, 7, 30))
            case.put(name, rows)
            case.file_rows[name] = rows

    try:
        land(rng.randint(1, 7))
        if point in RECOVERY_POINTS:
            _, hit = drain(case, {"CS_FAULT": "commit.after_put@1:kill"}, rng)
            killed += hit
        env = {"CS_FAULT": "%s@%d:kill" % (point, number)}
        for restart in range(RESTARTS_MAX):
            finished, hit = drain(case, env, rng)
            killed += hit
            if finished and (restart > 0 or rng.random() < 0.5):
                break
            land(rng.randint(0, 3))
            env = None if rng.random() < 0.5 else {"CS_FAULT": "%s@%d:kill" % (rng.choice(POINTS), rng.randint(1, 3))}
        # The last two runs are undisturbed: one finishes the work, one finds nothing and has cleaned up.
        case.run("-r", "maxFilesPerTrigger=2")
        case.run("-r", "maxFilesPerTrigger=2")
        check(case)
        return killed, None
    except AssertionError as error:
        return killed, "seed %d, %s@%d: %s (kept in %s)" % (seed, point, number, error, keep(case))
    finally:
        case.close()


def keep(case):
    kept = case.folder + "-failed"
    os.rename(case.folder, kept)
    return kept


def main():
    global POINTS, RECOVERY_POINTS
    args = sys.argv[1:]
    seed = int(args[args.index("--seed") + 1]) if "--seed" in args else int(time.time())
    only = args[args.index("--point") + 1] if "--point" in args else None
    wanted = int(args[0]) if args and args[0].isdigit() else 1000
    POINTS = points()
    counts = passings()
    # What a plain run never passes belongs to recovery: those rounds begin with a death behind the commit.
    RECOVERY_POINTS = {point for point in POINTS if counts[point] == 0}
    plan = [(point, number) for point in POINTS if only in (None, point)
            for number in range(1, min(max(counts[point], 1), 4) + 1)]
    print("seed %d; %d fault points, %d places to die; passed only by a recovery: %s" %
          (seed, len(POINTS), len(plan), " ".join(sorted(RECOVERY_POINTS)) or "none"), flush=True)
    failures, killed, rounds = [], 0, 0
    per_point = collections.Counter()
    lock = threading.Lock()

    def work(worker):
        nonlocal killed, rounds
        while True:
            with lock:
                if killed >= wanted and rounds >= len(plan) or len(failures) >= 3:
                    return
                index, rounds = rounds, rounds + 1
            point, number = plan[index % len(plan)]
            hit, failure = one_round(seed + index, point, number)
            with lock:
                killed += hit
                per_point[point] += hit > (point in RECOVERY_POINTS)
                if failure:
                    failures.append(failure)
                    print("failed " + failure, flush=True)

    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(ROUNDS_AT_ONCE) as pool:
        list(pool.map(work, range(ROUNDS_AT_ONCE)))
    untouched = [point for point in POINTS if only in (None, point) and not per_point[point]]
    for point in untouched:
        failures.append("point %s never killed anything" % point)
        print("failed " + failures[-1])
    print("note %d kills in %d rounds over %d points, %.0f s; 0 lost, 0 doubled, 0 unreadable unless a line above says so" %
          (killed, rounds, len(POINTS), time.monotonic() - started))
    print("%d passed, %d failed" % (rounds - min(rounds, len(failures)), len(failures)))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
