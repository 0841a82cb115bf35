"""The systemd unit of the service: what it may do is what its settings need, and nothing else.

What each directive is for stands in systemd.exec(5) and systemd.service(5).
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from wafscope.errors import SettingsError
from wafscope.service.sources import ARRIVING
from wafscope.settings import INSTALLED, Settings
from wafscope.source.listener import parse_address

USER = "wafscope"
STATE = Path("/var/lib/wafscope")
CONFIG = INSTALLED
NAME = "wafscope.service"

WATCHDOG = 120
"""Seconds without progress after which systemd starts the service anew."""
_LOWEST_FREE_PORT = 1024
_DUCKDB = "duckdb:///"


class Needs(msgspec.Struct, frozen=True):
    """What a service must be allowed beyond what every one is."""

    groups: tuple[str, ...] = ()
    """Groups that may read the logs."""
    writable: tuple[str, ...] = ()
    """Directories beside its own state: archives, logs that are removed when they are read, a store elsewhere."""
    low_port: bool = False
    """It listens on a port below 1024, such as 514 of syslog."""
    any_log: bool = False
    """It may read every file of the machine: for logs that belong to root and to no group."""


def needs(settings: Settings, groups: Sequence[str] = (), *, any_log: bool = False) -> Needs:
    """Tell what the settings need; `groups` are added to those that are found on the logs."""
    found = [*groups, *(group for source in settings.source if source.path for group in _groups(source.path))]
    listens = [settings.web.listen, *(each.listen for each in settings.source if each.kind in ARRIVING)]
    return Needs(
        groups=tuple(sorted(set(found) - {"root", USER})),
        writable=tuple(sorted({str(path) for path in _written(settings) if not path.is_relative_to(STATE)})),
        low_port=any(_is_low(address) for address in listens),
        any_log=any_log,
    )


def unit(program: Sequence[str] = ("/usr/bin/wafscope",), config: Path = CONFIG, allowed: Needs | None = None) -> str:
    """Return the text of the unit; `program` is the command with which Wafscope is started."""
    allowed = allowed or Needs(groups=("adm",))
    # Only in the arguments of a command the dollar stands for a variable.
    arguments = [_quoted(each).replace("$", "$$") for each in (*program[1:], "--config", str(config))]
    command = " ".join([_quoted(program[0]), *arguments])
    capabilities = [
        *(["CAP_NET_BIND_SERVICE"] if allowed.low_port else []),
        *(["CAP_DAC_READ_SEARCH"] if allowed.any_log else []),
    ]
    extra = [f"SupplementaryGroups={' '.join(allowed.groups)}"] if allowed.groups else []
    extra += [f"ReadWritePaths=-{_quoted(path)}" for path in allowed.writable]
    bounds = [f"CapabilityBoundingSet={' '.join(capabilities)}"]
    bounds += [f"AmbientCapabilities={' '.join(capabilities)}"] if capabilities else []
    return _UNIT.format(
        command=command,
        user=USER,
        watchdog=WATCHDOG,
        extra="".join(f"{line}\n" for line in extra),
        bounds="\n".join(bounds),
    )


def _quoted(word: str) -> str:
    """Write a word so that systemd takes it as it is: systemd.syntax(7), systemd.unit(5)."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if any(ord(c) < 32 or ord(c) == 127 for c in word):
        escaped = "".join(f"\\x{ord(c):02x}" if ord(c) < 32 or ord(c) == 127 else c for c in escaped)
    return f'"{escaped}"' if escaped != word or set(word) & set(" '") else word


def _is_low(address: str) -> bool:
    try:
        return 0 < parse_address(address)[1] < _LOWEST_FREE_PORT
    except SettingsError:
        return False


def _written(settings: Settings) -> Iterator[Path]:
    """What the service writes to."""
    store = settings.store.uri.removeprefix(_DUCKDB)
    if store != settings.store.uri and Path(store).is_absolute():
        yield Path(store).parent
    for source in settings.source:
        if source.kind in ARRIVING and source.spool:
            yield Path(source.spool)
        if source.kind == "concurrent" and source.after != "keep":
            path = Path(source.path).absolute()
            yield path
            if source.after == "archive":
                yield Path(source.archive or f"{path}{_ARCHIVE}").absolute()


_ARCHIVE = ".archive"


def _groups(path: str) -> Iterator[str]:
    """The groups whose members may read a log that others may not: of its directories, and of itself."""
    import grp  # noqa: PLC0415 - not on every system

    whole = Path(path)
    parts = [*reversed(whole.absolute().parents), *_matching(whole)]
    for part in parts:
        try:
            found = part.stat()
        except OSError:
            continue
        wanted = stat.S_IXOTH if stat.S_ISDIR(found.st_mode) else stat.S_IROTH
        if not found.st_mode & wanted and found.st_mode & (wanted << 3) and found.st_gid:
            try:
                yield grp.getgrgid(found.st_gid).gr_name
            except KeyError:
                yield str(found.st_gid)


def _matching(path: Path) -> list[Path]:
    """The files of a pattern, or the file itself; a few of them tell enough."""
    from glob import glob, has_magic  # noqa: PLC0415

    return [Path(each) for each in glob(str(path))[:20]] if has_magic(str(path)) else [path]  # noqa: PTH207 - absolute


_UNIT = """\
# Made by `wafscope service install`. Changes of your own: systemctl edit wafscope
[Unit]
Description=Wafscope, a console for the audit logs of ModSecurity and Coraza
After=network.target
# However often it fails, it is started again: the logs are its buffer.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
User={user}
Group={user}
{extra}ExecStart={command} serve
ExecReload={command} config check
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
# Settings that can not be used are not mended by another start.
RestartPreventExitStatus=2
WatchdogSec={watchdog}
# A large store may have much to bring up to date after a failure of the machine.
TimeoutStartSec=30min
TimeoutStopSec=20
KillMode=mixed
LimitNOFILE=65536
# What arrives is answered before what is there already is read.
LimitNICE=-5
Environment=LANG=C.UTF-8

StateDirectory=wafscope
StateDirectoryMode=0750
WorkingDirectory=%S/wafscope
UMask=0077

{bounds}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=setpriority
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""
