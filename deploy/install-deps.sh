#!/usr/bin/env bash
# Installs what cstream needs on Debian 12, and names it: no other file lists packages. Asks nothing, and does
# nothing when all is there.
#
#   deploy/install-deps.sh            what the build needs
#   deploy/install-deps.sh --tests    that, and what tests/run.sh needs
#
# Exit status: 0 all is there now; 2 wrong usage; 69 this user cannot install (the line to run is printed);
# else that of apt-get.
set -euo pipefail

build=(
    gcc
    libc6-dev
    cmake
    ninja-build
    pkg-config
    libzmq3-dev           # messages between the programs
    libprotobuf-c-dev     # their form
    protobuf-c-compiler
    liblmdb-dev           # the checkpoint
    libcsv-dev            # CSV
    libsnappy-dev         # compression of Parquet pages and of sources
    libzstd-dev
    zlib1g-dev
    liblz4-dev
    libjansson-dev        # JSON
    libxxhash-dev         # checksums
    libssl-dev            # SHA-256
    tzdata                # time zones: timeZone, and names in the data
)
tests=(
    libcmocka-dev         # unit tests
    clang                 # fuzzers, and the second compiler
    libclang-rt-14-dev    # sanitizers for clang
    python3
    python3-venv          # the independent readers (DuckDB, delta-rs, pyarrow) are pinned there
    spin                  # the protocol's models
    strace                # which file was synced, and when
)

wanted=("${build[@]}")
for argument in "$@"; do
    case $argument in
    --tests) wanted+=("${tests[@]}") ;;
    -h | --help)
        sed -n '2,9s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo "$0: unknown argument '$argument'; the only option is --tests" >&2
        exit 2
        ;;
    esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "$0: this is no Debian; install what these Debian 12 packages hold: ${wanted[*]}" >&2
    exit 69
fi

missing=()
for package in "${wanted[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=unknown
    if [ "$state" != installed ]; then
        missing+=("$package")
    fi
done
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
        echo "$0: not root, and sudo asks or is not there; let root run:" >&2
        echo "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
        exit 69
    fi
    as_root=(sudo -n)
fi
echo "installing: ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}"
