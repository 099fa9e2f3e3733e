#!/usr/bin/env bash
# The main job in half a minute: installs what is missing, builds, streams generated CSV files into a Delta
# table and counts its rows beside the running stream, until every row is there exactly once.
set -eu
cd "$(dirname "$0")/.."
files=${1:-60} # files to generate
rows_per_file=${2:-20000}

deploy/install-deps.sh
cmake -S . -B build -G Ninja >/dev/null
ninja -C build cstream-submit cstream-coordinator cstream-worker | tail -n 1
submit=build/bin/cstream-submit

work=$(mktemp -d "${TMPDIR:-/tmp}/cstream-demo-XXXXXX")
mkdir "$work/in"
stream=
finish() {
    [ -z "$stream" ] || kill "$stream" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# A producer writes each file beside the folder and renames it in: readers never see half a file.
produce() {
    local number
    for number in $(seq "$files"); do
        awk -v first=$(((number - 1) * rows_per_file)) -v rows="$rows_per_file" 'BEGIN {
            split("view cart remove purchase", types, " ")
            print "event_time,event_type,product_id,price"
            for (i = first; i < first + rows; i++)
                printf "2025-06-%02d %02d:%02d:%02d UTC,%s,%d,%.2f\n", i % 28 + 1, i % 24, i % 60, i % 59,
                       types[i % 4 + 1], 1000000 + i * 7919 % 90000, i % 20000 / 100
        }' >"$work/next"
        mv "$work/next" "$work/in/events-$(printf %04d "$number").csv"
        sleep 0.1
    done
}

echo
echo "streaming $files files of $rows_per_file rows from $work/in into $work/table"
"$submit" --master 'local[2]' --name demo -r header=true --checkpoint-location "$work/chk" \
    --schema 'event_time TIMESTAMP, event_type STRING, product_id BIGINT, price DOUBLE' \
    "csv:$work/in" "delta:$work/table" &
stream=$!
produce &

expected=$((files * rows_per_file)) counted=0 started=$SECONDS
while [ "$counted" != "$expected" ]; do
    sleep 1
    kill -0 "$stream" 2>/dev/null || { echo "the stream ended early" >&2; exit 1; }
    counted=$("$submit" count "$work/table" 2>/dev/null || echo 0)
    echo "$(printf '%3d s' $((SECONDS - started)))  SELECT count(*) = $counted of $expected"
    [ $((SECONDS - started)) -lt 300 ] || { echo "not complete after 300 s" >&2; exit 1; }
done
kill -INT "$stream"
wait "$stream"
stream=

echo
"$submit" head -n 5 "$work/table"
echo
"$submit" history -n 3 "$work/table"
echo
echo "all $expected rows are in the table, each exactly once"
