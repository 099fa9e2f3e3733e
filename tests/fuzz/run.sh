#!/usr/bin/env bash
# Fuzzing in a shared budget: tests/fuzz/run.sh SECONDS. Each target gets an equal part; its corpus is kept in
# tests/fuzz/corpus/<target> (seeds) and build-fuzz/corpus/<target> (found). A crash fails and names its input.
set -u
cd "$(dirname "$0")/../.." || exit 70
seconds=${1:-240}
cmake -S . -B build-fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCSTREAM_FUZZ=ON -DCSTREAM_SANITIZE=address,undefined >/dev/null &&
    ninja -C build-fuzz fuzz_build >build-fuzz/build.log 2>&1 || { tail -n 40 build-fuzz/build.log; exit 1; }
targets=(build-fuzz/fuzz/fuzz_*)
each=$((seconds * 2 / ${#targets[@]}))
passed=0 failed=0

fuzz() {
    local name=${1##*/fuzz_} corpus=build-fuzz/corpus/${1##*/fuzz_}
    mkdir -p "$corpus" "tests/fuzz/corpus/$name"
    "$1" -max_total_time="$each" -max_len=65536 -rss_limit_mb=1024 -timeout=20 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/crash-$name-" "$corpus" "tests/fuzz/corpus/$name" >"build-fuzz/$name.log" 2>&1
}

# Two at a time: the machine has two cores.
for ((i = 0; i < ${#targets[@]}; i += 2)); do
    pids=()
    for target in "${targets[@]:i:2}"; do
        fuzz "$target" &
        pids+=($!)
    done
    for ((k = 0; k < ${#pids[@]}; k++)); do
        name=${targets[i + k]##*/fuzz_}
        if wait "${pids[k]}"; then
            passed=$((passed + 1))
            echo "passed  $name: $(grep -oE 'number_of_executed_units: [0-9]+' "build-fuzz/$name.log") in $each s"
        else
            failed=$((failed + 1))
            echo "failed  $name"
            tail -n 40 "build-fuzz/$name.log"
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
