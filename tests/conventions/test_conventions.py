"""Holds the house budgets and habits that no linter knows."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES = 600
FUNCTION_LINES = 60
# A path below the folder some developer happened to work in; put together so that this file does not hold one.
WORK_PATH = re.compile(rb"(?<![\w./-])/" + b"work" + rb"/[\w.]+")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def functions(file: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, Function):
            yield node


def place(file: Path, line: int = 1) -> str:
    return f"{file.relative_to(ROOT)}:{line}"


def tracked_files() -> list[Path]:
    """All files of the repository, those not committed yet too."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    files = (ROOT / name for name in listing.stdout.decode().split("\0") if name)
    return [file for file in files if file.is_file() and not file.is_symlink()]


def unannotated(function: Function) -> list[str]:
    """The parameters (and "return") without a type."""
    spec = function.args
    named = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    if named and named[0].arg in {"self", "cls"}:
        del named[0]
    named += [argument for argument in (spec.vararg, spec.kwarg) if argument]
    missing = [argument.arg for argument in named if argument.annotation is None]
    return missing if function.returns else [*missing, "return"]


def test_files_are_short() -> None:
    files = [*python_files("src", "tests", "bench"), *sorted((ROOT / "frontend" / "src").rglob("*.ts"))]
    lengths = {place(file): len(file.read_bytes().splitlines()) for file in files}
    assert {where: length for where, length in lengths.items() if length > FILE_LINES} == {}


def test_functions_are_short() -> None:
    long = {
        place(file, function.lineno): f"{function.name}: {length}"
        for file in python_files("src", "tests", "bench")
        for function in functions(file)
        if (length := (function.end_lineno or function.lineno) - function.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}


def test_functions_are_annotated() -> None:
    bare = {
        place(file, function.lineno): f"{function.name}: {', '.join(names)}"
        for file in python_files("src")
        for function in functions(file)
        if (names := unannotated(function))
    }
    assert bare == {}


def test_modules_say_what_they_are_for() -> None:
    assert [place(file) for file in python_files("src") if not ast.get_docstring(ast.parse(file.read_bytes()))] == []


def test_lock_files_name_no_addresses() -> None:
    locks = [ROOT / "frontend" / "package-lock.json", *sorted((ROOT / "requirements").glob("*.txt"))]
    assert [place(file) for file in locks if b"://" in file.read_bytes()] == []


def test_requirements_are_pinned() -> None:
    loose = [
        f"{place(file, number)}: {line}"
        for file in sorted((ROOT / "requirements").glob("*.txt"))
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if not line.startswith("#") and not re.fullmatch(r"[\w.-]+==[\w.]+", line)
    ]
    assert loose == []


def test_no_file_names_the_machine_it_was_written_on() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git work tree")
    found = {
        place(file, content.count(b"\n", 0, match.start()) + 1): match[0].decode()
        for file in tracked_files()
        if b"\0" not in (content := file.read_bytes()) and (match := WORK_PATH.search(content))
    }
    assert found == {}


def test_no_generated_file_is_tracked() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git work tree")
    static = ROOT / "src" / "wafscope" / "web" / "static"
    assert [place(file) for file in tracked_files() if file.is_relative_to(static)] == []
