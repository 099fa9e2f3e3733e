#!/usr/bin/env bash
# Holds the tree to its own rules, after a proof that each rule still sees its offence. tests/lint/lint.sh [ROOT]
set -u
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONDONTWRITEBYTECODE=1
if ! proof=$(/usr/bin/python3 "$here/test_lint.py" 2>&1); then
    echo "$proof"
    echo "0 passed, 1 failed"
    exit 1
fi
exec /usr/bin/python3 "$here/lint.py" "$@"
