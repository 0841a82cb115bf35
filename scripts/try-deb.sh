#!/bin/sh
# Makes the Debian package and tries it in a clean Debian: a root of the least that debootstrap makes, with systemd and
# what the package depends on, booted in namespaces of this machine. It is installed, started, upgraded, booted again,
# removed and purged. As root; needs debootstrap and a network.
#
#     scripts/try-deb.sh [SUITE [MIRROR]]
set -eu
cd "$(dirname "$0")/.."

suite=${1:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

make deb
debootstrap --variant=minbase --include=systemd,systemd-sysv,python3,adduser,procps "$suite" "$root" ${2:+"$2"}
# Nothing but the package may bring what it needs: these are its own words for it.
dpkg-deb --field dist/wafscope_*.deb Depends
WAFSCOPE_DEB_ROOT=$root WAFSCOPE_DIST=$PWD/dist WAFSCOPE_NO_SKIP=1 .venv/bin/pytest tests/system/test_packages.py -k debian
