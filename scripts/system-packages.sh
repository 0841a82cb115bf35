#!/bin/sh
# Installs what the system and browser tests want of Debian or Ubuntu, as far as it is missing and may be installed.
# Where it may not, it says so and goes on; with WAFSCOPE_NO_SKIP=1 it fails instead.
set -eu

wanted='nginx libnginx-mod-http-modsecurity modsecurity-crs apache2 libapache2-mod-security2 openssl g++ chromium fonts-noto-cjk systemd'
# Coraza is built by the tests that need it, with any Go that is there.
command -v go >/dev/null || [ -x /usr/local/go/bin/go ] || wanted="$wanted golang-go"
policy=/usr/sbin/policy-rc.d

say() { printf '%s\n' "system packages: $*" >&2; }

# give_up WHY PACKAGES: the tests that need them will be skipped, or nothing may be.
give_up() {
    say "not installed:$2"
    say "why: $1"
    if [ "${WAFSCOPE_NO_SKIP:-}" = 1 ]; then
        say "error: WAFSCOPE_NO_SKIP=1 allows no test to be skipped"
        exit 1
    fi
    say "tests that need them are skipped"
    exit 0
}

is_installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_of() {
    for package in $1; do
        is_installed "$package" || printf ' %s' "$package"
    done
}

offered_of() {
    for package in $1; do
        apt-cache show --quiet=0 "$package" 2>/dev/null | grep -q '^Filename:' && printf ' %s' "$package"
    done
    return 0
}

# The tests start their own servers: those of the packages stay off, now (policy-rc.d) and at the next boot.
install_quietly() {
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 130' INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    log=$(mktemp)
    # shellcheck disable=SC2086  # a list of words
    if ! RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $1 >"$log" 2>&1; then
        cat "$log" >&2
        say 'apt-get install failed, see above'
    fi
    rm -f "$log"
    if command -v systemctl >/dev/null; then
        for service in nginx apache2; do
            case "$1 " in *" $service "*) systemctl --quiet disable "$service" || true ;; esac
        done
    fi
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    give_up 'this is neither Debian nor Ubuntu; their names are those of Debian' " $wanted"
fi
missing=$(missing_of "$wanted")
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    give_up "only root may install; as root: apt-get install$missing" "$missing"
fi

say "installing$missing"
apt-get update --quiet --quiet >&2 || say 'apt-get update failed; trying with the lists at hand'
offered=$(offered_of "$missing")
if [ -n "$offered" ]; then
    install_quietly "$offered"
fi
missing=$(missing_of "$wanted")
[ -z "$missing" ] || give_up 'the package sources of this system do not offer them, or the installation failed' "$missing"
