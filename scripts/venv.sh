#!/usr/bin/env bash
# A Python interpreter with the pinned packages of one oracle; prints it. Usage: venv.sh FOLDER, which holds requirements.txt
# and where .venv is made, or made anew after other pins. One caller at a time makes it.
set -euo pipefail
cd "$1"

exec 9>.venv.lock
flock 9
if ! cmp -s requirements.txt .venv/installed.txt; then
    python3 -m venv --clear .venv >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt >&2
    cp requirements.txt .venv/installed.txt
fi
echo "$PWD/.venv/bin/python"
