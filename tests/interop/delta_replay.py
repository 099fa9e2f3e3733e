"""An independent reader of Delta tables: replays the log by the protocol's rules and reads the live Parquet files
with pyarrow. Never a folder glob, never cstream's own code."""
import json
import os
import urllib.parse

import deltalake
import duckdb
import pyarrow
import pyarrow.parquet


class Table:
    def __init__(self, folder, version=None):
        self.folder = folder
        log = os.path.join(folder, "_delta_log")
        commits = sorted(int(name[:20]) for name in os.listdir(log) if len(name) == 25 and name.endswith(".json"))
        assert commits, "no commit in " + log
        if version is not None:
            commits = [number for number in commits if number <= version]
        first = self._checkpoint(log, commits)
        expected = list(range(first, commits[-1] + 1))
        assert [number for number in commits if number >= first] == expected, "log gap: %s" % commits
        self.version = commits[-1]
        for number in expected:
            self._commit(os.path.join(log, "%020d.json" % number))

    def _checkpoint(self, log, commits):
        """State of the newest classic checkpoint, if any; returns the first commit to replay."""
        self.adds, self.txns, self.metadata, self.protocol, self.infos = {}, {}, None, None, []
        names = sorted(name for name in os.listdir(log) if name.endswith(".checkpoint.parquet") and len(name) == 39)
        names = [name for name in names if int(name[:20]) <= commits[-1]]
        if not names:
            return 0
        for row in pyarrow.parquet.read_table(os.path.join(log, names[-1])).to_pylist():
            for key, value in row.items():
                if value is not None:
                    self._action(key, value)
        return int(names[-1][:20]) + 1

    def _commit(self, path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    for key, value in json.loads(line).items():
                        self._action(key, value)

    def _action(self, key, value):
        if key == "add":
            self.adds[value["path"]] = value
        elif key == "remove":
            self.adds.pop(value["path"], None)
        elif key == "txn":
            self.txns[value["appId"]] = value["version"]
        elif key == "metaData":
            self.metadata = value
        elif key == "protocol":
            self.protocol = value
        elif key == "commitInfo":
            self.infos.append(value)

    def file(self, add):
        return os.path.join(self.folder, urllib.parse.unquote(add["path"]))

    def read(self):
        """(add, pyarrow table) of every live file; the sizes of the log must hold."""
        for add in self.adds.values():
            path = self.file(add)
            assert os.path.getsize(path) == add["size"], "%s: size is not %d" % (path, add["size"])
            yield add, pyarrow.parquet.ParquetFile(path).read()

    def rows(self, columns):
        rows = []
        for add, data in self.read():
            stats = json.loads(add["stats"]) if add.get("stats") else {}
            assert stats.get("numRecords", data.num_rows) == data.num_rows, add
            rows += plain_rows(data, columns)
        return rows


def plain_rows(data, columns):
    """Rows of an arrow table; decimals as their exact text."""
    lists = [data.column(column).to_pylist() for column in columns]
    return [tuple(str(value) if hasattr(value, "as_tuple") else value for value in row) for row in zip(*lists)]


def rows_by_delta_rs(folder, columns):
    return plain_rows(pyarrow.table(deltalake.DeltaTable(folder).to_pyarrow_table()), columns)


def rows_by_duckdb(folder, columns):
    """The live files of the log, by DuckDB's Parquet reader."""
    table = Table(folder)
    files = [table.file(add) for add in table.adds.values()]
    if not files:
        return []
    # A connection of its own: tests run side by side.
    connection = duckdb.connect()
    relation = connection.execute("SELECT * FROM read_parquet(?, union_by_name=true)", [files])
    rows = plain_rows(relation.to_arrow_table() if hasattr(relation, "to_arrow_table") else relation.arrow(), columns)
    connection.close()
    return rows
