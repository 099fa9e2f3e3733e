#!/usr/bin/env bash
# Proves the models and kills their mutants: `passed MODEL SCENARIO …` or `failed …` for each, then the sum.
#
#   tests/model/run.sh                 all of them
#   tests/model/run.sh recover clean   only these
#
# A model says in its head which scenarios it has and in which of them each mutant must break an assertion. A proof
# has looked at every state; a mutant that survives is a failure.
set -u
cd "$(dirname "$0")" || exit 70
models=("$@")
[ ${#models[@]} -gt 0 ] || models=(recover commit clean source)
work=$(mktemp -d) || exit 70
trap 'rm -rf "$work"' EXIT

compile() { # compile MODEL: $work/MODEL/pan
    mkdir "$work/$1" && (
        here=$PWD
        cd "$work/$1" || exit 70
        spin -a -o3 "$here/$1.pml" >log 2>&1 &&
            gcc -w -O2 -DSAFETY -DCOLLAPSE -DNOFAIR -DMEMLIM=1000 -o pan pan.c >>log 2>&1
    )
}

# numbers MODEL: `SCENARIO number` and `MUTANT number SCENARIO` of a model, a line each
numbers() {
    awk '/^\/\* scenario/ { kind = "scenario" } /^\/\* mutants/ { kind = "mutant" } /^$/ { kind = "" }
        $1 == "#define" && kind == "scenario" { print $2, $3 }
        $1 == "#define" && kind == "mutant" { print $2, $3, $6 }' "$1.pml"
}

# check MODEL SCENARIO NUMBER MUTANT NUMBER: one line (MUTANT -: the proof)
check() {
    local folder=$work/$1/$2-$4 started=$EPOCHREALTIME verdict=failed found states seconds
    mkdir "$folder" && cd "$folder" || exit 70
    SCENARIO=$3 MUTANT=$5 ../pan -m200000 -w22 >out 2>&1
    found=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' out)
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
    seconds=$(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $started }")
    if [ "$4" = - ]; then
        if grep -q 'errors: 0$' out && ! grep -qE 'not completed|too small|out of memory|reached -D' out; then
            verdict=passed
        fi
        echo "$verdict $1 $2: ${found:-no counterexample} in $states states ($seconds s)"
    else
        case $found in
        'assertion violated - '* | '') ;; # an index out of range is a fault of the model
        'assertion violated '*) verdict=passed ;;
        esac
        echo "$verdict $1 $2 with $4: ${found:-survives} after $states states ($seconds s)"
    fi
    [ "$verdict" = passed ] || grep -E '^pan|errors:|^error' out
}

jobs=$(nproc)
[ "$jobs" -lt 2 ] || jobs=2
at_most() { # at_most N: until fewer than N are under way
    while [ "$(jobs -rp | wc -l)" -ge "$1" ]; do wait -n; done
}

for model in "${models[@]}"; do
    if [ ! -f "$model.pml" ]; then
        echo "failed $model: there is no such model" >>"$work/verdicts"
        continue
    fi
    at_most "$jobs"
    compile "$model" || { echo "failed $model: does not compile"; cat "$work/$model/log"; } >>"$work/verdicts" &
done
wait
[ ! -f "$work/verdicts" ] || cat "$work/verdicts"

for model in "${models[@]}"; do
    [ -x "$work/$model/pan" ] || continue
    declare -A scenarios=()
    while read -r name number scenario; do
        at_most "$jobs"
        if [ -z "$scenario" ]; then
            scenarios[$name]=$number
            check "$model" "$name" "$number" - 0 | tee -a "$work/verdicts" &
        else
            check "$model" "$scenario" "${scenarios[$scenario]}" "$name" "$number" | tee -a "$work/verdicts" &
        fi
    done < <(numbers "$model")
done
wait

passed=$(grep -c '^passed ' "$work/verdicts")
failed=$(grep -c '^failed ' "$work/verdicts")
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
