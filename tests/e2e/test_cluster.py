"""Processes that stop, hang, leave and come back, and strangers on the sockets (spec/reliability.md §5, rows 16-18,
24, 28, 53). Strangers speak ZMTP 3.0 by hand here, so that they can say what libzmq would not."""
import os
import signal
import socket
import struct
import subprocess
import time

from harness import BIN, Skip, call, delta_replay, descendants, environment, name_of, wait_for

LEASE = ("--conf", "cstream.lease=1500ms")


def rows_now(case):
    if not os.path.exists(case.table + "/_delta_log/%020d.json" % 0):
        return 0
    return sum(1 for _ in delta_replay.Table(case.table).rows(["id"]))


def children_of(process, name):
    return [pid for pid in descendants(process.pid) if name_of(pid) == name]


def folder_of(pid):
    with open("/proc/%d/cmdline" % pid, "rb") as file:
        words = file.read().decode().split("\0")
    return [word for word in words if word.startswith("ipc://")][0][6:].rsplit("/", 1)[0]


def finish(process, expect=0):
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == expect, (process.returncode, err[-2000:])
    return err


def has_faults():
    probe = subprocess.run([os.path.join(BIN, "cstream-worker"), "--version"], env=environment({"CS_FAULT": "?"}),
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    worker = open(os.path.join(BIN, "cstream-worker"), "rb").read()
    return probe.returncode in (0, 2) and b"CS_FAULT_TRACE" in worker


def test_stopped_worker_loses_its_task_and_its_late_answer_is_refused(case):
    process = case.start(*LEASE, trigger=None)
    case.put("a.csv", 30)
    wait_for("the first batch", lambda: rows_now(case) == 30)
    stopped = children_of(process, "cstream-worker")[0]
    os.kill(stopped, signal.SIGSTOP)
    for number in range(3):
        case.put("b%d.csv" % number, 30)
        wait_for("a batch although a worker stands still", lambda: rows_now(case) == 60 + 30 * number)
    os.kill(stopped, signal.SIGCONT)
    time.sleep(1)
    case.put("c.csv", 30)
    wait_for("a batch after the worker came back", lambda: rows_now(case) == 150)
    assert "did not get on with task" in finish(process)
    case.check()


def test_stopped_coordinator_does_not_take_its_own_silence_for_that_of_the_workers(case):
    process = case.start(*LEASE, trigger=None)
    case.put("a.csv", 30)
    wait_for("the first batch", lambda: rows_now(case) == 30)
    coordinator = children_of(process, "cstream-coordinator")[0]
    for number in range(2):
        os.kill(coordinator, signal.SIGSTOP)
        time.sleep(4)
        case.put("b%d.csv" % number, 30)
        os.kill(coordinator, signal.SIGCONT)
        wait_for("a batch after the stop", lambda: rows_now(case) == 60 + 30 * number)
    err = finish(process)
    assert "did not get on" not in err and "not heard of" not in err and "is gone" not in err, err
    case.check()


def test_hung_table_keeps_neither_workers_nor_the_second_ctrl_c_waiting(case):
    if not has_faults():
        raise Skip("needs a build with fault points")
    process = case.start(*LEASE, trigger=None, env={"CS_FAULT": "commit.begin:sleep=6000"})
    case.put("a.csv", 30)
    wait_for("the task to be done", lambda: os.path.isdir(case.table) and any(
        name.endswith(".parquet") for name in os.listdir(case.table)))
    time.sleep(3)
    assert len(children_of(process, "cstream-worker")) == 2
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130 and time.monotonic() - started < 2, (process.returncode, err)
    assert "not heard of" not in err and "is gone" not in err, err
    case.run()
    case.check()


def test_worker_that_is_asked_to_leave_hands_in_its_task_first(case):
    process = case.start(trigger=None)
    for number in range(5):
        case.put("%d.csv" % number, 200)
        workers = children_of(process, "cstream-worker")
        if workers:
            os.kill(workers[number % len(workers)], signal.SIGTERM)
        time.sleep(0.2)
    wait_for("all rows", lambda: rows_now(case) == 1000)
    err = finish(process)
    assert "ended with status 0" in err, err
    case.check()


class Stranger:
    """A client of the coordinator that speaks ZMTP 3.0 with the NULL mechanism as a DEALER."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(address)
        self.socket.sendall(b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
        self.take(64)
        ready = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER" + b"\x08Identity" + bytes(4)
        self.socket.sendall(bytes([4, len(ready)]) + ready)
        self.frame()

    def take(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            assert more, "the connection was closed"
            data += more
        return data

    def frame(self):
        """The next message or command, heartbeats left out."""
        while True:
            flags = self.take(1)[0]
            size = struct.unpack(">Q", self.take(8))[0] if flags & 2 else self.take(1)[0]
            body = self.take(size)
            if not body.startswith(b"\x04PING"):
                return body

    def say(self, body):
        self.socket.sendall(b"\x02" + struct.pack(">Q", len(body)) + body)

    def workers(self):
        """Ping → Pong: how many workers there are."""
        self.say(b"\x1a\x00")
        pong = self.frame()
        assert pong[0] == 0x12, pong
        version = pong[3]
        return pong[4 + version + 1] if len(pong) > 4 + version else 0


def field(number, value):
    if isinstance(value, int):
        return bytes([number << 3]) + bytes([value])
    size, head = len(value), b""
    while size > 0x7f:
        head += bytes([size & 0x7f | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + head + bytes([size]) + value


def submit(options, version=b"0.1.0"):
    body = field(1, version)
    for scope, key, value in options:
        body += field(2, field(1, scope) + field(2, key) + field(3, value) + field(4, b"test"))
    return field(1, body)


def test_strangers_on_the_sockets_are_dropped_and_the_stream_goes_on(case):
    process = case.start(trigger=None)
    case.put("a.csv", 30)
    wait_for("the first batch", lambda: rows_now(case) == 30)
    folder = folder_of(children_of(process, "cstream-coordinator")[0])
    raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    raw.connect(folder + "/workers")
    raw.sendall(os.urandom(100000))
    for name in ("workers", "clients"):
        stranger = Stranger(folder + "/" + name)
        nested = b"\x0a\x00"
        for _ in range(3000):
            nested = field(1, nested)
        for body in (b"", b"\0", b"\xff" * 1000, os.urandom(5000), field(1, b""), nested, b"\x0b" * 50000,
                     field(3, b"\x12\x00" * 2000000)):
            stranger.say(body)
        huge = Stranger(folder + "/" + name)
        huge.socket.sendall(b"\x02" + struct.pack(">Q", 1 << 30))
        assert huge.socket.recv(1) == b"", "a frame of 1 GiB was announced and not refused"
        many = Stranger(folder + "/" + name)
        many.socket.sendall(b"\x01\x01x" * 20 + b"\x00\x01y")
    asker = Stranger(folder + "/clients")
    assert asker.workers() == 2
    case.put("b.csv", 30)
    wait_for("a batch after the strangers", lambda: rows_now(case) == 60)
    assert "dropped" in finish(process)
    case.check()


def test_coordinator_serves_on_tcp_until_it_is_told_to_stop(case):
    log = open(case.folder + "/log", "w+", encoding="utf-8")
    coordinator = subprocess.Popen([os.path.join(BIN, "cstream-coordinator"), "--bind-workers", "tcp://127.0.0.1:*",
                                    "--bind-clients", "tcp://127.0.0.1:*"], stderr=log, env=environment(None))
    case.processes.append(coordinator)

    def ports():
        with open(log.name, encoding="utf-8") as file:
            text = file.read()
        return [word.rstrip(",\n").rsplit(":", 1)[1] for word in text.split() if word.startswith("tcp://")]

    wait_for("the coordinator", lambda: len(ports()) == 2)
    master = "tcp://127.0.0.1:" + ports()[0]
    workers = [subprocess.Popen([os.path.join(BIN, "cstream-worker"), "--master", master, "--name", "w%d" % number],
                                stderr=subprocess.PIPE, text=True, env=environment(None)) for number in range(2)]
    case.processes += workers
    client = Stranger(("127.0.0.1", int(ports()[1])))
    wait_for("both workers", lambda: client.workers() == 2)
    twin = call([os.path.join(BIN, "cstream-worker"), "--master", master, "--name", "w1"], expect=78, timeout=20)
    assert "'w1'" in twin.err, twin.err
    client.say(submit([(1, b"heeder", b"true")]))
    refused = client.frame()
    assert refused[0] == 0x1a and b"UNKNOWN_OPTION" in refused and b"header" in refused, refused
    client.say(submit([(1, b"header", b"true")], version=b"9.9.9"))
    assert b"9.9.9" in client.frame()
    case.put("a.csv", 10)
    job = submit([(0, key, value.encode()) for key, value in (
        (b"source-format", "csv"), (b"source-path", case.source), (b"sink-format", "delta"), (b"table-path", case.table),
        (b"checkpoint-location", case.checkpoint), (b"schema", "id BIGINT, name STRING, amount DECIMAL(10,2)"))])
    client.say(job)
    wait_for("rows", lambda: rows_now(case) == 10)
    other = Stranger(("127.0.0.1", int(ports()[1])))
    other.say(job)
    assert b"CHECKPOINT_IN_USE" in other.frame()
    other.say(field(2, field(1, b"nobody")))
    assert b"nobody" in other.frame()
    client.say(field(2, b""))  # stop: the job that this client submitted
    while True:
        event = client.frame()
        if event[12:13] == b"\x2a":  # behind the job's name of 8 bytes: its end
            break
    assert len(event) == 16, event  # no error; 1 batch
    client.say(job)
    assert client.frame()[12:13] == b"\x12"  # it starts again
    case.put("b.csv", 10)
    wait_for("more rows", lambda: rows_now(case) == 20)
    coordinator.send_signal(signal.SIGTERM)
    assert coordinator.wait(20) == 0
    for worker in workers:
        assert worker.wait(20) == 0, worker.stderr.read()
    case.check()
    case.run()  # the checkpoint is free again
    log.close()


def test_workers_come_back_to_a_coordinator_that_was_started_again(case):
    os.mkdir(case.folder + "/run", 0o700)
    endpoints = ["ipc://%s/run/%s" % (case.folder, name) for name in ("workers", "clients")]
    coordinator = [os.path.join(BIN, "cstream-coordinator"), "--bind-workers", endpoints[0], "--bind-clients",
                   endpoints[1]]
    worker = [os.path.join(BIN, "cstream-worker"), "--master", endpoints[0], "--name", "w"]

    def start(args):
        process = subprocess.Popen(args, stderr=subprocess.DEVNULL, env=environment(None))
        case.processes.append(process)
        return process

    first = start(coordinator)
    start(worker)
    wait_for("the socket", lambda: os.path.exists(endpoints[1][6:]))
    wait_for("the worker", lambda: Stranger(endpoints[1][6:]).workers() == 1)
    first.kill()
    first.wait()
    start(coordinator)
    started = time.monotonic()
    time.sleep(0.2)
    wait_for("the worker again", lambda: Stranger(endpoints[1][6:]).workers() == 1)
    assert time.monotonic() - started < 3


def test_sockets_are_never_open_to_others(case):
    program = os.path.join(BIN, "cstream-coordinator")
    os.chmod(case.folder, 0o755)
    for endpoint in ("tcp://0.0.0.0:*", "tcp://*:7077", "ipc://%s/socket" % case.folder, "ipc://@cstream"):
        result = call([program, "--bind-workers", endpoint, "--bind-clients", "tcp://127.0.0.1:*"], expect=78, timeout=10)
        assert "hint" in result.err or "names no socket" in result.err, result.err
