# Makes .venv with the locked packages and this project in it (editable), unless it is up to date. Run by `make`.
# Each thing that can be missing is told in one sentence with its remedy.
set -eu
cd "$(dirname "$0")/.."

fail() { echo "crontask: $*" >&2; exit 6; }

suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    if suits "$candidate"; then echo "$candidate"; return; fi
  done
  fail "Python 3.11 or newer is missing: install it (Debian: apt-get install python3 python3-venv)," \
    "or name one with PYTHON=/path/to/python3."
}

fingerprint() { cksum "$@" | cksum; }

locks="requirements/dev.txt requirements/clients/*.txt"
packages=$(fingerprint $locks)
project=$(fingerprint $locks pyproject.toml)
if suits .venv/bin/python && [ "$(cat .venv/project-stamp 2>/dev/null)" = "$project" ]; then exit 0; fi

if ! suits .venv/bin/python || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
  python=$(find_python)
  "$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$python has no venv module: install it" \
    "(Debian: apt-get install python3-venv), or name another Python with PYTHON=/path/to/python3."
  echo "Making .venv (some seconds) …" >&2
  rm -rf .venv
  "$python" -m venv .venv || fail "$python -m venv failed: see above, or name another Python with PYTHON=…"
fi
install=".venv/bin/python -m pip install --quiet --disable-pip-version-check"
rm -f .venv/project-stamp
if [ "$(cat .venv/packages-stamp 2>/dev/null)" != "$packages" ]; then
  echo "Installing the locked Python packages into .venv (one to three minutes) …" >&2
  $install --require-hashes -r requirements/dev.txt ||
    fail "The Python packages could not be installed: see above, check the connection to the package index, try again."
  # Clients that others have written, for the tests: each in a folder of its own, as two are called by the same name.
  for lock in requirements/clients/*.txt; do
    client=.venv/clients/$(basename "$lock" .txt)
    rm -rf "$client"
    $install --require-hashes --no-deps --target "$client" -r "$lock" ||
      fail "The clients that the tests try could not be installed: see above, check the connection to the package index."
  done
  echo "$packages" > .venv/packages-stamp
fi
$install --no-build-isolation --no-deps --editable . || fail "This project could not be installed: see above."
echo "$project" > .venv/project-stamp
