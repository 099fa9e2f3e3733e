#!/usr/bin/env bash
# Every test of cstream: installs what is missing, builds, runs all suites, ends with `N passed, N failed`.
#
#   tests/run.sh                 everything (about 20 minutes on two cores)
#   tests/run.sh unit crash …    only these suites
#   CSTREAM_SEEDS=1000000 CSTREAM_CRASHES=20000 CSTREAM_FUZZ_SECONDS=3600 tests/run.sh    longer
#
# A suite is a command whose last line is `N passed, N failed[, N skipped]`; its name, seconds and counts are
# printed, and the log of one that failed is shown.
set -u
cd "$(dirname "$0")/.." || exit 70
root=$PWD
export CSTREAM_SEEDS=${CSTREAM_SEEDS:-20000} CSTREAM_CRASHES=${CSTREAM_CRASHES:-1000}
export CSTREAM_FUZZ_SECONDS=${CSTREAM_FUZZ_SECONDS:-240}
logs=$root/build-logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0
wanted=" $* "

# --- set-up: packages, the independent readers, four builds ---

fail() {
    echo "tests/run.sh: $1" >&2
    [ -z "${2-}" ] || tail -n 60 "$2" >&2
    echo "0 passed, 1 failed"
    exit 1
}

deploy/install-deps.sh --tests >"$logs/install.log" 2>&1 || fail "packages could not be installed" "$logs/install.log"
venv=$root/.cache/venv
if ! "$venv/bin/python" -c 'import deltalake, duckdb, pyarrow' 2>/dev/null; then
    /usr/bin/python3 -m venv "$venv" >"$logs/venv.log" 2>&1 &&
        "$venv/bin/pip" install -q --disable-pip-version-check -r tests/interop/requirements.txt >>"$logs/venv.log" 2>&1 ||
        fail "the independent readers could not be installed" "$logs/venv.log"
fi
export PYTHON=$venv/bin/python

build() { # build FOLDER TARGETS… -- CMAKE-ARGUMENTS…
    local folder=$1 targets=()
    shift
    while [ "$1" != -- ]; do targets+=("$1"); shift; done
    shift
    local started=$SECONDS
    cmake -S . -B "$folder" -G Ninja "$@" >"$logs/$folder.log" 2>&1 &&
        ninja -C "$folder" "${targets[@]}" >>"$logs/$folder.log" 2>&1 || fail "$folder does not build" "$logs/$folder.log"
    echo "built   $folder ($((SECONDS - started)) s)"
}

want() { [ "$wanted" = "  " ] || [[ $wanted == *" $1 "* ]]; }

build build all -- -DCMAKE_C_COMPILER=gcc
build build-test all tests_build -- -DCMAKE_C_COMPILER=gcc -DCSTREAM_FAULTS=ON
build build-asan all tests_build -- -DCMAKE_C_COMPILER=clang -DCSTREAM_OPTIMIZE=-O1 -DCSTREAM_FAULTS=ON -DCSTREAM_SANITIZE=address,undefined

# --- suites ---

suite() { # suite NAME COMMAND…
    local name=$1 started=$SECONDS line
    shift
    want "$name" || return 0
    "$@" >"$logs/$name.log" 2>&1
    local status=$?
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$logs/$name.log" | tail -n 1)
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)? ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
        [ "$status" = 0 ] || [ "${BASH_REMATCH[2]}" != 0 ] || failed=$((failed + 1))
    else
        line="no result" failed=$((failed + 1)) status=1
    fi
    echo "$name: $line ($((SECONDS - started)) s)"
    grep -E '^(skipped |golden |note )' "$logs/$name.log" | sed 's/^/    /'
    if [ "$status" != 0 ]; then
        echo "--- $name failed; the end of its log:"
        grep -E -A12 '^(failed |FAIL|\[  FAILED|.*ERROR: )' "$logs/$name.log" | tail -n 150
        tail -n 40 "$logs/$name.log"
        echo "---"
    fi
}

ctests() { # ctests FOLDER REGEX: each test program counts as one
    local out
    out=$(ctest --test-dir "$1" -R "$2" -j 2 --output-on-failure --timeout 900)
    local status=$?
    echo "$out" | grep -vE '^ +Start '
    local total bad
    total=$(echo "$out" | grep -oE 'out of [0-9]+' | grep -oE '[0-9]+')
    bad=$(echo "$out" | grep -oE '[0-9]+ tests? failed' | grep -oE '^[0-9]+')
    echo "$((${total:-0} - ${bad:-0})) passed, ${bad:-0} failed"
    return $status
}

export CSTREAM_BIN=$root/build-test/bin
suite lint tests/lint/lint.sh
suite unit ctests build-test '^unit/'
suite unit-asan ctests build-asan '^unit/'
suite property ctests build-test '^property/'
suite sim tests/sim/run.sh build-test "$CSTREAM_SEEDS"
suite mutants tests/sim/mutants.sh build-test
suite model tests/model/run.sh
suite e2e "$PYTHON" tests/e2e/run.py
suite e2e-asan env CSTREAM_BIN="$root/build-asan/bin" "$PYTHON" tests/e2e/run.py test_
suite interop "$PYTHON" tests/interop/run.py
suite crash "$PYTHON" tests/crash/run.py "$CSTREAM_CRASHES"
suite fuzz tests/fuzz/run.sh "$CSTREAM_FUZZ_SECONDS"
suite bench env CSTREAM_BIN="$root/build/bin" "$PYTHON" tests/bench/run.py --smoke

echo
if [ "$skipped" = 0 ]; then
    echo "$passed passed, $failed failed"
else
    echo "$passed passed, $failed failed, $skipped skipped"
fi
[ "$failed" = 0 ] && [ "$passed" != 0 ]
