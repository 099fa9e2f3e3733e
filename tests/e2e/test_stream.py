"""The main job: files become rows of a table, exactly once, and the table can be looked at."""
import json
import os
import signal
import time

from harness import SUBMIT, call, delta_replay, descendants, name_of, processes_with, wait_for


def test_available_now_takes_every_file_once(case):
    for number in range(5):
        case.put("%d.csv" % number, 100)
    result = case.run()
    assert "500 rows" in result.err, result.err
    case.check()
    assert case.command("count", case.table).out == "500\n"


def test_a_second_run_takes_only_new_files(case):
    case.put("a.csv", 10)
    case.run()
    result = case.run()
    assert "nothing new" in result.err, result.err
    assert delta_replay.Table(case.table).version == 0
    case.put("b.csv", 10)
    case.run()
    case.check()
    assert delta_replay.Table(case.table).version == 1


def test_header_is_no_row(case):
    case.put("a.csv", 10, header=True)
    case.put("b.csv", 10, header=True)
    case.run("-r", "header=true")
    case.check()


def test_values_are_read_by_their_formats_and_the_time_zone(case):
    case.put_text("a.csv", "02/01/2020,20200102030405,-999\n29/02/2021,2 Jan,1.5\n")
    result = case.run("-r", "dateFormat=dd/MM/yyyy", "-r", "timestampFormat=yyyyMMddHHmmss", "-r", "timeZone=Europe/Berlin",
                      "-r", "nanValue=-999", schema="d DATE, t TIMESTAMP, x DOUBLE")
    assert "1 rejected" in result.err, result.err
    rows = [json.loads(line) for line in case.command("head", "-o", "json", case.table).out.splitlines()]
    assert rows == [{"d": "2020-01-02", "t": "2020-01-02T02:04:05.000000Z", "x": "NaN"},
                    {"d": None, "t": None, "x": 1.5}], rows


def test_issue_example_runs_as_written(case):
    case.put_text("a.csv", "event_time,event_type,product_id,price\n2019-10-01 00:00:00 UTC,view,44600062,35.79\n"
                  "2019-10-01T00:00:01Z,cart,3900821,\n")
    case.run("-r", "header=true", schema="event_time TIMESTAMP, event_type STRING, product_id BIGINT, price DOUBLE")
    out = case.command("head", "-n", "all", "-o", "json", case.table).out
    rows = [json.loads(line) for line in out.splitlines()]
    assert sorted(rows, key=lambda row: row["event_time"]) == [
        {"event_time": "2019-10-01T00:00:00.000000Z", "event_type": "view", "product_id": 44600062, "price": 35.79},
        {"event_time": "2019-10-01T00:00:01.000000Z", "event_type": "cart", "product_id": 3900821, "price": None}], rows


def test_max_files_per_trigger_makes_batches_in_order_of_time(case):
    for number in range(7):
        case.put("%d.csv" % (9 - number), 3)
        os.utime(os.path.join(case.source, "%d.csv" % (9 - number)), (1000 + number, 1000 + number))
    case.run("-r", "maxFilesPerTrigger=2")
    case.check()
    table = delta_replay.Table(case.table)
    assert table.version == 3
    files = [info["cstream"]["files"] for info in table.infos]
    assert files == [["9.csv", "8.csv"], ["7.csv", "6.csv"], ["5.csv", "4.csv"], ["3.csv"]], files


def test_max_bytes_per_trigger_takes_at_least_one_file(case):
    case.put("a.csv", 100)
    case.put("b.csv", 100)
    case.run("-r", "maxBytesPerTrigger=1")
    case.check()
    assert delta_replay.Table(case.table).version == 1


def test_once_takes_one_batch(case):
    for number in range(4):
        case.put("%d.csv" % number, 5)
    case.run(trigger="once")
    case.check()
    assert delta_replay.Table(case.table).version == 0


def test_running_stream_takes_files_as_they_land_and_stops_gracefully(case):
    process = case.start(trigger=None)
    for number in range(5):
        case.put("%d.csv" % number, 20)
        wait_for("file %d in the table" % number, lambda: os.path.isdir(case.table + "/_delta_log") and
                 rows_now(case) == case.next_id)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "done" in err, err
    case.check()


def rows_now(case):
    result = call([SUBMIT, "count", case.table], expect=None)
    return int(result.out) if result.code == 0 else -1


def test_processing_time_trigger_waits_for_its_ticks(case):
    process = case.start(trigger="processingTime=1s")
    for number in range(4):
        case.put("%d.csv" % number, 5)
        time.sleep(0.3)
    wait_for("all rows", lambda: os.path.isdir(case.table + "/_delta_log") and rows_now(case) == 20)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0
    case.check()
    assert delta_replay.Table(case.table).version <= 3


def test_kill_9_of_submit_leaves_no_process_and_the_next_start_removes_its_folder(case):
    # A folder of its own for the sockets: another test's start would remove the stale one, too.
    own = {"XDG_RUNTIME_DIR": case.folder}
    process = case.start(trigger=None, env=own)
    case.put("a.csv", 10)
    wait_for("rows", lambda: os.path.isdir(case.table + "/_delta_log") and rows_now(case) == 10)
    children = descendants(process.pid)
    assert sorted(map(name_of, children)) == ["cstream-coordinator", "cstream-worker", "cstream-worker"], children
    with open("/proc/%d/cmdline" % children[0], "rb") as file:
        folder = [word for word in file.read().decode().split("\0") if word.startswith("ipc://")][0][6:].rsplit("/", 1)[0]
    process.kill()
    process.wait()
    wait_for("the end of all children", lambda: not any(os.path.exists("/proc/%d" % child) for child in children), 10)
    assert os.path.isdir(folder)
    case.put("b.csv", 10)
    case.run(env=own)
    case.check()
    assert not os.path.exists(folder), "stale folder stays"
    assert not processes_with(folder)


def test_dead_worker_is_started_again_and_no_row_is_lost(case):
    process = case.start(trigger=None)
    for number in range(6):
        case.put("%d.csv" % number, 50)
        workers = [pid for pid in descendants(process.pid) if name_of(pid) == "cstream-worker"]
        if workers:
            os.kill(workers[number % len(workers)], signal.SIGKILL)
        time.sleep(0.15)
    wait_for("all rows", lambda: os.path.isdir(case.table + "/_delta_log") and rows_now(case) == 300)
    wait_for("two workers", lambda: len([pid for pid in descendants(process.pid) if name_of(pid) == "cstream-worker"]) == 2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0
    case.check()


def test_dead_coordinator_ends_the_run_and_the_next_goes_on(case):
    process = case.start(trigger=None)
    case.put("a.csv", 10)
    wait_for("rows", lambda: os.path.isdir(case.table + "/_delta_log") and rows_now(case) == 10)
    coordinator = [pid for pid in descendants(process.pid) if name_of(pid) == "cstream-coordinator"][0]
    os.kill(coordinator, signal.SIGKILL)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1 and "coordinator" in err, err
    case.put("b.csv", 10)
    case.run()
    case.check()


def test_large_file_is_split_over_the_workers(case):
    rows = case.rows(60000)
    case.put("big.csv", rows=rows)
    case.run("--conf", "cstream.splitBytes=65536")
    case.check()
    assert len(delta_replay.Table(case.table).adds) > 1


def test_hidden_names_and_links_are_skipped_and_said(case):
    case.put("a.csv", 10)
    for name in (".hidden.csv", "_hidden.csv", "b.csv._COPYING_"):
        case.put_text(name, "1,x,2.00\n")
    os.symlink("/etc/passwd", os.path.join(case.source, "link.csv"))
    os.mkfifo(os.path.join(case.source, "fifo.csv"))
    os.mkdir(os.path.join(case.source, "folder.csv"))
    result = case.run()
    assert "link.csv" in result.err, result.err
    case.check()


def test_names_with_any_bytes_are_read_and_never_reach_the_terminal_raw(case):
    for name in ("with\nnewline.csv", "100%.csv", 'quote".csv', "tab\t.csv", "\x1b[31mred.csv", "ü" * 100 + ".csv", "x" * 255):
        case.put(name, 2)
    result = case.run()
    case.check()
    assert "\x1b[31m" not in result.err
    raw = os.path.join(case.source.encode(), b"bad\xff\xfe.csv")
    rows = case.rows(2)
    with open(raw, "wb") as file:
        file.write("".join("%d,%s,%s\n" % row for row in rows).encode())
    case.ledger.update(rows)
    case.run()
    case.check()


def test_recursive_lookup_takes_sub_folders(case):
    case.put("a.csv", 3)
    case.put("2025/06/b.csv", 3)
    case.run("-r", "recursiveFileLookup=true")
    case.check()


def test_new_folders_of_a_running_recursive_stream_are_seen(case):
    process = case.start("-r", "recursiveFileLookup=true", "--conf", "cstream.listInterval=1s", trigger=None)
    case.put("a.csv", 3)
    wait_for("first rows", lambda: os.path.isdir(case.table + "/_delta_log") and rows_now(case) == 3)
    case.put("x/y/b.csv", 3)
    wait_for("rows below a new folder", lambda: rows_now(case) == 6)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    case.check()


def test_path_glob_filter_leaves_other_names_out(case):
    case.put("a.csv", 3)
    case.put_text("a.txt", "1,x,2.00\n")
    case.run("-r", "pathGlobFilter=*.{csv,tsv}")
    case.check()


def test_file_that_a_writer_holds_open_is_held_back(case):
    case.put("a.csv", 3)
    process = case.start(trigger=None)
    wait_for("first rows", lambda: os.path.isdir(case.table + "/_delta_log") and rows_now(case) == 3)
    rows = case.rows(2)
    with open(os.path.join(case.source, "slow.csv"), "w") as file:
        file.write("%d,%s,%s\n" % rows[0])
        file.flush()
        time.sleep(1.5)
        assert rows_now(case) == 3, "read while its writer had it open"
        file.write("%d,%s,%s\n" % rows[1])
    case.ledger.update(rows)
    wait_for("rows of the closed file", lambda: rows_now(case) == 5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    case.check()


def test_changed_file_is_reported_once_and_not_read_again(case):
    case.put("a.csv", 3)
    case.run()
    case.put_text("a.csv", "1000,new,1.00\n")
    assert "a.csv" in case.run().err
    assert "a.csv" not in case.run().err
    case.check()


def test_changed_file_is_read_again_when_asked(case):
    case.put("a.csv", 3)
    case.run()
    case.put("a.csv", 4)
    case.run("-r", "onChanged=read")
    case.check()


def test_empty_file_is_a_batch_without_rows(case):
    case.put_text("empty.csv", "")
    case.put("a.csv", 2)
    case.run("-r", "maxFilesPerTrigger=1")
    case.check()
    assert delta_replay.Table(case.table).version == 1


def test_compressions_are_as_asked(case):
    for codec in ("snappy", "zstd", "uncompressed"):
        table, checkpoint = case.table + codec, case.checkpoint + codec
        if codec == "snappy":
            case.put("a.csv", 1000)
        case.run("-w", "compression=" + codec, table=table, checkpoint=checkpoint)
        case.check(table)
        adds = delta_replay.Table(table).adds
        meta = delta_replay.pyarrow.parquet.ParquetFile(os.path.join(table, list(adds)[0])).metadata
        assert meta.row_group(0).column(0).compression.lower() == codec, codec


def test_permissive_keeps_bad_records_in_the_corrupt_column(case):
    case.put_text("a.csv", "1,x,2.50\n2,y,12;50\n3,z\n4,w,1.00,extra\n")
    result = case.run(schema="id BIGINT, name STRING, amount DECIMAL(10,2), _corrupt_record STRING")
    assert "3 rejected" in result.err, result.err
    out = case.command("head", "-n", "all", "-o", "json", case.table).out
    rows = sorted((json.loads(line) for line in out.splitlines()), key=lambda row: row["id"])
    assert [row["_corrupt_record"] for row in rows] == [None, "2,y,12;50", "3,z", "4,w,1.00,extra"], rows
    assert [row["amount"] for row in rows] == ["2.50", None, None, "1.00"], rows


def test_drop_malformed_drops_bad_records(case):
    case.put_text("a.csv", "1,x,2.50\n2,y,12;50\n")
    case.run("-r", "mode=DROPMALFORMED")
    assert case.command("count", case.table).out == "1\n"


def test_look_commands_agree_with_the_log(case):
    for number in range(3):
        case.put("%d.csv" % number, 10)
    case.run("-r", "maxFilesPerTrigger=1")
    table = delta_replay.Table(case.table)
    files = [json.loads(line) for line in case.command("files", "-o", "json", case.table).out.splitlines()]
    assert sorted(file["path"] for file in files) == sorted(table.adds)
    assert sum(file["rows"] for file in files) == 30
    assert len(case.command("files", "-n", "2", "-o", "json", case.table).out.splitlines()) == 2
    history = [json.loads(line) for line in case.command("history", "-o", "json", case.table).out.splitlines()]
    assert [entry["version"] for entry in history] == [2, 1, 0]
    assert case.command("count", "--version", "1", case.table).out == "20\n"
    assert len(case.command("head", "-n", "5", "-o", "json", case.table).out.splitlines()) == 5


def test_preview_types_rows_and_names_rejects(case):
    case.put_text("a.csv", "1,x,2.50\n2,y,12;50\n")
    result = case.command("preview", "--schema", "id BIGINT, name STRING, amount DECIMAL(10,2)", "-o", "json", "csv:" + case.source)
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert rows[0] == {"id": 1, "name": "x", "amount": "2.50"}, rows
    assert "a.csv:2" in result.out + result.err and "12;50" in result.out + result.err, result


def test_checkpoint_show_tells_which_file_went_into_which_batch(case):
    case.put("a.csv", 3)
    case.put("b.csv", 3)
    case.run("-r", "maxFilesPerTrigger=1")
    lines = [json.loads(line) for line in case.command("checkpoint", "show", case.checkpoint, "-o", "json").out.splitlines()]
    batches = {line["path"]: line["batch"] for line in lines if "path" in line}
    assert sorted(batches.values()) == [0, 1] and sorted(batches) == ["a.csv", "b.csv"], lines


def test_stream_that_loses_the_first_version_to_another_loses_no_file(case):
    other = os.path.join(case.folder, "in2")
    os.mkdir(other)
    for number in range(3):
        case.put("%d.csv" % number, 10)
        rows = case.rows(10)
        with open(os.path.join(other, "%d.csv" % number), "w", encoding="utf-8") as file:
            file.write("".join("%d,%s,%s\n" % row for row in rows))
        case.ledger.update(rows)
    slow = case.start(env={"CS_FAULT": "commit.before_put@1:sleep=1500"})
    # Its part is there: it has planned a table of its own making and is about to commit version 0.
    wait_for("a part", lambda: os.path.isdir(case.table) and any(name.endswith(".parquet") for name in os.listdir(case.table)))
    case.run(source=other, checkpoint=case.checkpoint + "2")
    _, err = slow.communicate(timeout=30)
    assert slow.returncode == 0 and "anew" in err, err
    case.check()


def test_json_log_format_makes_every_line_json(case):
    case.put("a.csv", 3)
    result = case.run("--log-format", "json")
    lines = [json.loads(line) for line in result.err.splitlines()]
    assert any("3 rows" in line["message"] for line in lines), lines
    result = case.run("--log-format", "json", "--trigger", "never", expect=2)
    assert "trigger" in json.loads(result.err.splitlines()[-1])["message"]


def test_hidden_and_held_files_are_said_at_the_end(case):
    case.put("a.csv", 3)
    case.put_text("_hidden.csv", "1,x,1.00\n")
    with open(os.path.join(case.source, "held.csv"), "w", encoding="utf-8") as file:
        file.write("1,x,1.00\n")
        file.flush()
        result = case.run()
    assert "1 hidden names" in result.err and "1 files are still being written" in result.err, result.err
    case.check()
