#!/usr/bin/env bash
# Make .venv with the locked packages. A second run with the same lock costs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

lock=requirements-dev.txt
want=$(cat "$lock" pyproject.toml | sha256sum | cut -c1-16)
stamp=.venv/.installed-$want
[ -e "$stamp" ] && exit 0

python=""
for candidate in python3.11 python3.12 python3.13 python3; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "cmctl needs Python 3.11 or newer: apt-get install python3 python3-venv" >&2
    exit 7
fi
echo "installing Python packages into .venv (about a minute the first time)" >&2
if [ ! -x .venv/bin/python ] && ! "$python" -m venv .venv 2>/dev/null; then
    rm -rf .venv
    if [ "$(id -u)" -ne 0 ]; then
        echo "python3-venv is missing: sudo apt-get install python3-venv" >&2
        exit 7
    fi
    echo "installing python3-venv from Debian's packages" >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    "$python" -m venv .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
rm -f .venv/.installed-*
touch "$stamp"
