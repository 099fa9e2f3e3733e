"""Each kind of bad input ends in a clear error with its exit code, nothing lost, nothing half written."""
import os
import shutil
import signal
import subprocess
import time

from harness import Skip, delta_replay, wait_for


def says(result, *texts):
    for text in texts:
        assert text in result.err, "no %r in: %s" % (text, result.err)


def test_missing_source_folder(case):
    says(case.run(expect=2, source=case.folder + "/nowhere"), "PATH_NOT_FOUND", "nowhere")
    assert not os.path.exists(case.table)


def test_source_without_permission(case):
    if os.geteuid() == 0:
        runner = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        if not shutil.which("setpriv"):
            raise Skip("root without setpriv reads everything")
    else:
        runner = []
    os.chmod(case.folder, 0o777)
    os.chmod(case.source, 0)
    result = subprocess.run(runner + case.args(), capture_output=True, text=True, timeout=60, check=False)
    os.chmod(case.source, 0o755)
    assert result.returncode == 74, result
    assert "PERMISSION_DENIED" in result.stderr and case.source in result.stderr, result.stderr


def test_unreadable_file(case):
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        raise Skip("root without setpriv reads everything")
    case.put("a.csv", 3)
    os.chmod(case.source + "/a.csv", 0)
    os.chmod(case.folder, 0o777)
    runner = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
    result = subprocess.run(runner + case.args(), capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 74 and "a.csv" in result.stderr, result
    os.chmod(case.source + "/a.csv", 0o644)
    result = subprocess.run(runner + case.args(), capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result
    case.check()


def test_unknown_option_offers_the_nearest(case):
    says(case.run("-r", "heder=true", expect=2), "UNKNOWN_OPTION", "heder", "header")


def test_unknown_flag_offers_the_nearest(case):
    says(case.run("--trigerr", "once", expect=2), "UNKNOWN_OPTION", "--trigger")


def test_wrong_option_value(case):
    says(case.run("-r", "header=maybe", expect=2), "csv.header: must be true or false", "maybe")


def test_option_of_a_later_version_is_refused_by_name(case):
    says(case.run("-r", "comment=#", expect=2), "comment")


def test_schema_syntax_error_names_its_place(case):
    result = case.run(expect=78, schema="id BIGINT, name STRNG")
    says(result, "BAD_SCHEMA", "STRNG")
    assert "1:17" in result.err or ":17" in result.err, result.err


def test_schema_that_does_not_fit_the_table_shows_both(case):
    case.put("a.csv", 3)
    case.run()
    case.put("b.csv", 3)
    result = case.run(expect=78, schema="id BIGINT, name STRING, amount DOUBLE", checkpoint=case.checkpoint + "2",
                      source=case.source)
    says(result, "amount", "decimal(10,2)", "double")


def test_binary_file_gives_rejects_not_a_crash(case):
    case.put("good.csv", 3)
    with open(case.source + "/x.csv", "wb") as file:
        file.write(bytes((i * 7919 + i // 251) % 256 for i in range(200000)))
    result = case.run(schema="id BIGINT, name STRING, amount DECIMAL(10,2)")
    assert "rejected" in result.err
    result = case.run("-r", "mode=FAILFAST", expect=65, table=case.table + "2", checkpoint=case.checkpoint + "2")
    says(result, "MALFORMED", "x.csv")


def test_failfast_record_names_file_line_column_and_value(case):
    case.put("a.csv", 5)
    case.put_text("bad.csv", "1,x,2.50\n2,y,12;50\n3,z,1.00\n")
    result = case.run("-r", "mode=FAILFAST", expect=65)
    says(result, "MALFORMED_RECORD", "column amount", "'12;50' is not DECIMAL(10,2)", "bad.csv:2:5", "hint:", "mode=PERMISSIVE")
    assert not os.path.isdir(case.table + "/_delta_log") or not delta_replay.os.listdir(case.table + "/_delta_log")


def test_failfast_line_is_that_of_the_file_also_in_a_split(case):
    lines = ["%d,name,1.00" % number for number in range(30000)]
    lines[25000] = "25000,name,x"
    case.put_text("big.csv", "\n".join(lines) + "\n")
    result = case.run("-r", "mode=FAILFAST", "--conf", "cstream.splitBytes=65536", expect=65)
    says(result, "big.csv:25001:")


def test_replan_is_the_way_on_after_the_file_was_mended(case):
    case.put_text("bad.csv", "1,x,oops\n")
    case.run("-r", "mode=FAILFAST", expect=65)
    case.put("bad.csv", 3)
    result = case.run("-r", "mode=FAILFAST", expect=1)
    says(result, "SOURCE_CHANGED", "bad.csv", "--replan")
    case.run("-r", "mode=FAILFAST", "--replan")
    case.check()


def test_file_that_changes_while_it_is_read(case):
    case.put("a.csv", 50000)
    process = case.start(env={"CS_FAULT": "worker.mid_parse:sleep=1500"})
    wait_for("a part being written", lambda: os.path.isdir(case.table) and any(name.endswith(".parquet") or True
                                                                            for name in os.listdir(case.table)) or
             time.sleep(0.4) or True)
    time.sleep(0.5)
    with open(case.source + "/a.csv", "a") as file:
        file.write("9,late,1.00\n")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "SOURCE_CHANGED" in err and "a.csv" in err and "--replan" in err, err
    log = case.table + "/_delta_log"
    assert not os.path.isdir(log) or not [name for name in os.listdir(log) if name.endswith(".json")]


def test_record_longer_than_the_limit(case):
    case.put_text("a.csv", "1,x,2.00\n2," + "y" * 5000 + ",3.00\n3,z,4.00\n")
    result = case.run("-r", "maxRecordBytes=1000", schema="id BIGINT, name STRING, amount DECIMAL(10,2), _corrupt_record STRING")
    assert "1 rejected" in result.err, result.err
    assert case.command("count", case.table).out == "3\n"
    result = case.run("-r", "maxRecordBytes=1000", "-r", "mode=FAILFAST", expect=65, table=case.table + "2",
                      checkpoint=case.checkpoint + "2")
    says(result, "1000", "a.csv:2")


def test_too_many_columns_fail_the_file(case):
    case.put_text("a.csv", ",".join(["1"] * 30) + "\n")
    says(case.run("-r", "maxColumns=20", expect=65), "a.csv", "20")


def test_full_disk_of_the_table(case):
    if os.geteuid() != 0:
        raise Skip("mounting a small tmpfs needs root")
    small = case.folder + "/small"
    os.mkdir(small)
    if subprocess.call(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], stderr=subprocess.DEVNULL) != 0:
        raise Skip("mount is not allowed here")
    try:
        rows = [(n, "%032x" % (n * 0x9E3779B97F4A7C15 % 2**128), "1.00") for n in range(60000)]
        case.put("a.csv", rows=rows)
        result = case.run("--conf", "cstream.diskFullTimeout=1s", "-w", "compression=uncompressed", expect=74,
                          table=small + "/table")
        says(result, "DISK_FULL")
        case.command("count", small + "/table", expect=2)
        subprocess.check_call(["mount", "-o", "remount,size=100m", small])
        case.run("--conf", "cstream.diskFullTimeout=1s", table=small + "/table")
        case.check(small + "/table")
    finally:
        subprocess.call(["umount", small])


def test_checkpoint_in_use(case):
    process = case.start(trigger=None)
    case.put("a.csv", 3)
    wait_for("first commit", lambda: os.path.exists(case.table + "/_delta_log/%020d.json" % 0))
    says(case.run(expect=75), "CHECKPOINT_IN_USE", case.checkpoint, "pid")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0
    case.check()


def test_checkpoint_of_another_source(case):
    case.put("a.csv", 3)
    case.run()
    os.mkdir(case.folder + "/other")
    says(case.run(expect=78, source=case.folder + "/other"), "CHECKPOINT_MISMATCH", "other", case.source)


def test_older_checkpoint_restored_is_refused(case):
    case.put("a.csv", 3)
    case.run()
    shutil.copytree(case.checkpoint, case.checkpoint + ".old")
    case.put("b.csv", 3)
    case.run()
    case.put("c.csv", 3)
    case.run()
    shutil.rmtree(case.checkpoint)
    os.rename(case.checkpoint + ".old", case.checkpoint)
    says(case.run(expect=78), "CHECKPOINT_MISMATCH", "hint:")
    assert delta_replay.Table(case.table).version == 2


def test_lost_checkpoint_is_refused_and_reset_is_the_way_out(case):
    case.put("a.csv", 3)
    case.run()
    shutil.rmtree(case.checkpoint)
    says(case.run(expect=78), "checkpoint reset", "--include-existing-files")
    case.command("checkpoint", "reset", "--include-existing-files=false", case.checkpoint)
    case.put("b.csv", 3)
    case.run()
    case.check()


def test_replaced_table_is_refused(case):
    case.put("a.csv", 3)
    case.run()
    os.rename(case.table, case.table + ".old")
    shutil.copytree(case.source, case.folder + "/in2")
    case.run(source=case.folder + "/in2", checkpoint=case.checkpoint + "2")
    case.put("b.csv", 3)
    says(case.run(expect=78), "TABLE_REPLACED")


def test_deleted_table_is_refused(case):
    case.put("a.csv", 3)
    case.run()
    shutil.rmtree(case.table)
    case.put("b.csv", 3)
    case.run(expect=78)
    assert not os.path.exists(case.table + "/_delta_log/%020d.json" % 0)


def test_folders_inside_one_another(case):
    says(case.run(expect=78, table=case.source + "/table"), "BAD_CONFIG")
    says(case.run(expect=78, checkpoint=case.source + "/chk"), "BAD_CONFIG")
    says(case.run(expect=78, checkpoint=case.table + "/chk"), "BAD_CONFIG")


def test_damaged_log_is_refused(case):
    case.put("a.csv", 3)
    case.run()
    with open(case.table + "/_delta_log/%020d.json" % 0, "a") as file:
        file.write("{broken\n")
    says(case.command("count", case.table, expect=65), "damaged log")
    case.put("b.csv", 3)
    case.run(expect=65)


def test_task_that_kills_its_workers_fails_the_job_and_names_the_files(case):
    case.put("poison.csv", 3)
    result = case.run(env={"CS_FAULT": "worker.mid_parse:kill"}, expect=1)
    says(result, "poison.csv")
    case.run()
    case.check()


def test_damaged_checkpoint_is_refused(case):
    case.put("a.csv", 3)
    case.run()
    data = [os.path.join(folder, name) for folder, _, names in os.walk(case.checkpoint) for name in names if name == "data.mdb"]
    assert data, os.listdir(case.checkpoint)
    with open(data[0], "r+b") as file:
        file.truncate(5000)
    case.put("b.csv", 3)
    says(case.run(expect=74), "DAMAGED_CHECKPOINT")


def test_second_ctrl_c_stops_at_once_and_nothing_is_lost(case):
    case.put("a.csv", 1000)
    process = case.start(env={"CS_FAULT": "worker.mid_parse:sleep=20000"})
    wait_for("the start", lambda: os.path.isdir(case.checkpoint))
    time.sleep(0.6)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None, "the first Ctrl-C waits for the running batch"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130, err
    case.run()
    case.check()


def test_no_master_no_schema_no_checkpoint_are_usage_errors(case):
    says(case.command("csv:" + case.source, "delta:" + case.table, expect=2), "checkpoint")
    says(case.command("--checkpoint-location", case.checkpoint, "csv:" + case.source, "delta:" + case.table, expect=2), "schema")
    says(case.command("--master", "local[0]", "--checkpoint-location", case.checkpoint, "--schema", "id INT",
                      "csv:" + case.source, "delta:" + case.table, expect=2), "local")
    case.command("head", case.source, expect=2)


def test_folder_that_is_no_checkpoint_stays_untouched(case):
    os.mkdir(case.checkpoint)
    for command in (["show"], ["reset", "--include-existing-files=true"]):
        says(case.command("checkpoint", *command, case.checkpoint, expect=78), "no job ever started", case.checkpoint)
        assert os.listdir(case.checkpoint) == []


def test_limit_error_names_the_way_on(case):
    case.put_text("a.csv", "1,x,2.00\n2," + "y" * 5000 + ",3.00\n")
    says(case.run("-r", "maxRecordBytes=1000", "-r", "mode=FAILFAST", expect=65), "--replan")
    case.run("-r", "maxRecordBytes=1000", "--replan")
    assert case.command("count", case.table).out == "2\n"


def test_compressed_files_are_left_out_by_name(case):
    case.put("a.csv", 3)
    case.put_text("b.csv.gz", b"\x1f\x8b\x08\x00 not text")
    says(case.run(), "b.csv.gz", "compressed")
    case.check()


def test_uris_of_other_stores_are_refused(case):
    result = case.command("--schema", "id INT", "--checkpoint-location", case.checkpoint, "csv:" + case.source,
                          "delta:s3://bucket/table", expect=78)
    says(result, "UNSUPPORTED_FEATURE", "s3://bucket/table")


def test_partition_by_is_refused_by_name(case):
    says(case.run("--partition-by", "name", expect=2), "partition-by")
