#!/usr/bin/env bash
# tests/sim/run.sh BUILD SEEDS: the simulator over so many seeds. SIM_FIRST: where they begin (default 1).
set -eu
cd "$(dirname "$0")/../.."
first=${SIM_FIRST:-1}
exec "$1/tests/sim/sim" --seeds "$first..$((first + $2 - 1))"
