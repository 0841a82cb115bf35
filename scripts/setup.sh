#!/bin/sh
# Makes .venv and installs into it: "runtime" the program from this work tree, "dev" what lint and tests need.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

# The first Python of at least 3.11; PYTHON=... chooses another.
find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    say "error: no Python 3.11 or newer found"
    say ""
    say "hint: on Debian or Ubuntu: apt-get install python3 python3-venv; or name one: make run PYTHON=/path/to/python3"
    return 1
}

make_environment() {
    python=$(find_python)
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    # Debian and Ubuntu ship these two modules in a package of their own.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        say "error: Python $version has no venv module"
        say ""
        say "hint: on Debian or Ubuntu: apt-get install python$version-venv"
        return 1
    fi
    say "set-up: environment .venv with Python $version"
    rm -rf .venv
    "$python" -m venv .venv
}

pip_install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

# An environment whose Python or pip is gone (half made, or the system was upgraded) is made anew.
.venv/bin/python -m pip --version >/dev/null 2>&1 || make_environment

case "${1:-}" in
runtime)
    say "set-up: requirements (the first time takes a minute or two)"
    pip_install -r requirements/runtime.txt -r requirements/build.txt
    say "set-up: wafscope and its front end"
    pip_install --no-build-isolation --no-deps --editable .
    ;;
dev)
    say "set-up: requirements of lint and tests"
    pip_install -r requirements/dev.txt
    pip_install --only-binary :all: -r requirements/fuzz.txt 2>/dev/null ||
        say "set-up: skipped atheris, there is no wheel of it for this Python: its tests will be skipped"
    ;;
*)
    say "usage: scripts/setup.sh runtime|dev"
    exit 2
    ;;
esac
