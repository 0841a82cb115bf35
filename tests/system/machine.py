"""A Debian system of its own, booted by systemd in namespaces of this machine, over a root that it leaves as it is.

`WAFSCOPE_DEB_ROOT` names another root than that of this machine, such as one made by debootstrap.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.servers import PATIENCE

ROOT = Path(os.environ.get("WAFSCOPE_DEB_ROOT", "/"))
CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))

_START = """
set -e
echo $$ >"$group/cgroup.procs"
exec unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup --propagation private sh -c "$boot"
"""
_BOOT = """
set -e
mount -t tmpfs tmpfs "$place"
mkdir "$place/root"
mkdir -p "$kept/work" "$kept/changed"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$kept/changed,workdir=$kept/work" "$place/root"
cd "$place/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
[ -z "$given" ] || cp "$given" run/
ip link set lo up
mkdir -p mnt
pivot_root . mnt
cd /
umount -l /mnt
exec env -i container=wafscope-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --show-status=0 --log-target=journal systemd.unit="$unit" </dev/null
"""


class Machine:
    """A system that runs."""

    def __init__(self, init: int) -> None:
        self._init = init

    def do(self, *command: str, check: bool = True) -> str:
        """Run a command in it, and return what it says."""
        done = subprocess.run(
            ["nsenter", "--target", str(self._init), "--all", "--root", "--wd=/", *command],
            capture_output=True,
            text=True,
            timeout=PATIENCE * 4,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, path: str, content: bytes) -> None:
        """Append to a file of it."""
        subprocess.run(
            ["nsenter", "--target", str(self._init), "--all", "--root", "--wd=/", "tee", "-a", path],
            input=content,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def get(self, address: str) -> str:
        """Ask for a page from inside."""
        program = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=60).read().decode())"
        return self.do("/usr/bin/python3", "-c", program, address)


@contextmanager
def booted(place: Path, kept: Path, given: Path | None = None, unit: str = "basic.target") -> Iterator[Machine]:
    """Boot a system; what it changes is in `kept`, and is there again when it is booted again from there."""
    place.mkdir(exist_ok=True)
    group = next(each for each in reversed(CGROUPS) if (each / "cgroup.procs").is_file()) / f"wafscope-{os.getpid()}"
    group.mkdir()
    with (place.parent / "boot.log").open("ab") as log:
        process = subprocess.Popen(
            ["sh", "-c", _START],
            env={
                "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "group": str(group), "boot": _BOOT, "lower": str(ROOT),
                "place": str(place), "kept": str(kept), "given": str(given or ""), "unit": unit,
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield Machine(_init(process, place.parent / "boot.log"))
    finally:
        process.kill()  # and with it, the first process of the namespace, and so all of them
        process.wait()
        _remove(group)


def _init(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait until systemd answers; return its process id."""
    end = time.monotonic() + PATIENCE
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        found = children.read_text().split()
        if found and Path(f"/proc/{found[0]}/comm").read_text().strip() == "systemd":
            state = Machine(int(found[0])).do("systemctl", "is-system-running", check=False)
            if state in {"running", "degraded"}:
                return int(found[0])
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def _remove(group: Path) -> None:
    """Remove a control group and those below it, once their processes have ended."""
    end = time.monotonic() + PATIENCE
    while group.exists() and time.monotonic() < end:
        for each in sorted((path for path in [group, *group.rglob("*")] if path.is_dir()), reverse=True):
            try:
                each.rmdir()
            except OSError:
                time.sleep(0.05)
                break
