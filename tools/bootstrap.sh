#!/usr/bin/env bash
# Makes .venv from the hash-locked requirements, cmctl in it editable. Run again, it costs nothing: a stamp holds the hash of
# the lock, of pyproject.toml, of this script and of the Python that made it.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  printf 'bootstrap: %s\n  try: %s\n' "$1" "$2" >&2
  exit "${3:-7}"
}

say() { printf 'bootstrap: %s\n' "$*" >&2; }

# The first Python of 3.11 or newer: $PYTHON, python3, or one with its version in its name.
find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "Python 3.11 or newer was not found" "sudo apt-get install python3 python3-venv, or PYTHON=/path/to/python3.12 make demo"
}

stamp() {
  { "$1" -c 'import sys; print(sys.version, sys.prefix)'; cat requirements-dev.txt pyproject.toml tools/bootstrap.sh; } | sha256sum | cut -d ' ' -f 1
}

whole() { [[ -x .venv/bin/python && -f .venv/.complete && "$(cat .venv/.complete)" == "$wanted" ]]; }

python=$(find_python)
wanted=$(stamp "$python")
if whole; then exit 0; fi

# One at a time; a killed holder lets go by itself.
exec 9<tools/bootstrap.sh
if command -v flock >/dev/null; then
  flock -n 9 || { say "waiting for another run" && flock 9; }
fi
if whole; then exit 0; fi

if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  fail "Python's venv module is missing" "sudo apt-get install python3-venv  (or python$minor-venv)"
fi

start=$SECONDS
rm -f .venv/.complete
if ! .venv/bin/python -c '' 2>/dev/null; then
  say "making .venv with $python"
  "$python" -m venv --clear .venv
fi
count=$(grep -c '^[A-Za-z0-9]' requirements-dev.txt)
say "installing $count locked Python packages into .venv (about a minute the first time)"
pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet)
"${pip[@]}" --require-hashes -r requirements-dev.txt || fail "the packages cannot be installed" "read pip's message above, then make setup" 1
"${pip[@]}" --no-deps --no-build-isolation -e . || fail "cmctl itself cannot be installed" "read pip's message above, then make setup" 1
printf '%s\n' "$wanted" >.venv/.complete.new
mv .venv/.complete.new .venv/.complete
say "done in $((SECONDS - start)) s"
