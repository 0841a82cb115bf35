#!/bin/sh
# Makes dist/wafscope_VERSION_ARCHITECTURE.deb from the wheel in dist/ and the pinned requirements, for the Python and
# the architecture of this machine. The program and its libraries lie in /usr/lib/wafscope, apart from those of Debian.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONPATH

SYSTEM_PYTHON=${SYSTEM_PYTHON:-/usr/bin/python3}
COMPRESSION=${COMPRESSION:--Zzstd -z9} # xz would take minutes to save a fifth
HOME_OF_PROGRAM=/usr/lib/wafscope
stage=build/deb

say() { printf '%s\n' "$*" >&2; }

for tool in dpkg-deb "$SYSTEM_PYTHON"; do
    command -v "$tool" >/dev/null || {
        say "error: $tool is missing"
        say ""
        say "hint: the package is made on Debian or Ubuntu, with their python3: apt-get install dpkg python3 python3-venv"
        exit 1
    }
done
set -- dist/wafscope-*.whl
[ $# = 1 ] && [ -f "$1" ] || {
    say "error: there is not one wheel in dist/"
    say ""
    say "hint: rm -rf dist && make deb"
    exit 1
}
wheel=$1
version=${wheel#dist/wafscope-}
version=${version%%-*}
architecture=$(dpkg --print-architecture)
python=$("$SYSTEM_PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
next=$("$SYSTEM_PYTHON" -c 'import sys; print("%d.%d" % (sys.version_info[0], sys.version_info[1] + 1))')

say "deb: the program and its libraries"
rm -rf "$stage"
home=$stage$HOME_OF_PROGRAM
mkdir -p "$home"
"$SYSTEM_PYTHON" -m venv --without-pip --symlinks "$home"
.venv/bin/python -m pip --python "$home/bin/python" --disable-pip-version-check install --quiet --no-compile --no-deps \
    --only-binary :all: -r requirements/runtime.txt "$wheel"
site=$home/lib/python$python/site-packages
# Headers and tests of a library, and commands of others, are of no use to it.
rm -rf "$site/pyarrow/include" "$site/pyarrow/tests" "$site/pyarrow/src"
find "$site" -name '*.so*' -type f -exec chmod a-x {} +
find "$home/bin" -type f ! -name wafscope -delete
sed -i "1s|.*|#!$HOME_OF_PROGRAM/bin/python|" "$home/bin/wafscope"
sed -i '/^command = /d' "$home/pyvenv.cfg"
# Its user may not write here, so what Python makes of the sources is made now, and holds whatever the time stamps say.
"$SYSTEM_PYTHON" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$stage" -p / "$home/lib"

say "deb: unit, user, settings"
mkdir -p "$stage/usr/bin" "$stage/lib/systemd/system" "$stage/usr/share/doc/wafscope" "$stage/etc/wafscope"
ln -s ../lib/wafscope/bin/wafscope "$stage/usr/bin/wafscope"
"$home/bin/python" -m wafscope.cli.main service unit >"$stage/lib/systemd/system/wafscope.service"
# The settings name the places of all distributions, not the logs of the machine that makes the package.
"$home/bin/python" -c 'import pathlib, sys; from wafscope.service.install import first_settings as first
sys.stdout.write(first(pathlib.Path(sys.argv[1])))' "$stage" >"$stage/etc/wafscope/wafscope.toml"
chmod 640 "$stage/etc/wafscope/wafscope.toml" # tokens of senders may stand in it; postinst gives it to the group
cp -r examples "$stage/usr/share/doc/wafscope/examples"
cp README.md "$stage/usr/share/doc/wafscope/"
cp packaging/deb/copyright "$stage/usr/share/doc/wafscope/"
gzip -9n <CHANGELOG.md >"$stage/usr/share/doc/wafscope/CHANGELOG.md.gz"
gzip -9n >"$stage/usr/share/doc/wafscope/changelog.gz" <<EOF
wafscope ($version) stable; urgency=medium

  * What has changed is in CHANGELOG.md.gz beside this file.

 -- $(sed -n 's/^Maintainer: //p' packaging/deb/control)  $(date -R ${SOURCE_DATE_EPOCH:+-d "@$SOURCE_DATE_EPOCH"})
EOF

mkdir "$stage/DEBIAN"
for script in postinst prerm postrm; do
    install -m 755 "packaging/deb/$script" "$stage/DEBIAN/$script"
done
printf '/etc/wafscope/wafscope.toml\n' >"$stage/DEBIAN/conffiles"
size=$(du -sk --exclude=DEBIAN "$stage" | cut -f 1)
sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@SIZE@/$size/" \
    -e "s/@PYTHON@/$python/; s/@NEXT@/$next/" packaging/deb/control >"$stage/DEBIAN/control"
(cd "$stage" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) \
    >"$stage/DEBIAN/md5sums"

say "deb: packing"
# shellcheck disable=SC2086  # options, one or several
dpkg-deb --root-owner-group $COMPRESSION --build "$stage" dist >&2
rm -rf "$stage"
