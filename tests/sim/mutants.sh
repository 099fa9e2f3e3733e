#!/usr/bin/env bash
# tests/sim/mutants.sh BUILD [NAME…]: guards the guards. Each known bug that the source can plant (CS_MUTANT("name"), found by
# pattern; compiled in by CSTREAM_FAULTS) must be caught: by the simulator, or by a unit test. Fails if one survives.
set -u
cd "$(dirname "$0")/../.." || exit 70
build=$1
shift
names=("$@")
[ ${#names[@]} -gt 0 ] ||
    mapfile -t names < <(grep -rhoE 'CS_MUTANT\("[a-z0-9_]+"\)' --include='*.c' --include='*.h' common coordinator worker |
        sed 's/.*"\(.*\)".*/\1/' | sort -u)
passed=0 failed=0

by_sim() { # by_sim NAME FIRST LAST
    local line
    line=$(CS_MUTANT=$1 timeout 300 "$build/tests/sim/sim" --seeds "$2..$3" 2>&1)
    local status=$?
    [ $status -ne 0 ] || return 1
    caught=$(grep -m 1 -E '^failed seed|Assertion' <<<"$line" || echo "simulator ended with status $status")
}

by_unit() { # by_unit NAME
    local test
    for test in "$build"/tests/test_*; do
        [ -x "$test" ] || continue
        # What does not depend on the mutant is not run: the programs that link no mutant have none of their names.
        grep -qF "$1" "$test" || continue
        # A test that fails anyway catches nothing.
        if ! CS_MUTANT=$1 timeout 120 "$test" >/dev/null 2>&1 && timeout 120 "$test" >/dev/null 2>&1; then
            caught=$(basename "$test")
            return 0
        fi
    done
    return 1
}

for name in "${names[@]}"; do
    if by_sim "$name" 1 300 || by_unit "$name" || by_sim "$name" 301 6000; then
        echo "caught    $name: $caught"
        passed=$((passed + 1))
    else
        echo "FAIL      $name survives"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
