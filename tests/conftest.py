"""For all tests: with WAFSCOPE_NO_SKIP=1 a skipped test is a failed one, so that a missing program cannot hide."""

import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("wafscope", deadline=None)  # a slow machine is no failed test
settings.load_profile("wafscope")

NO_SKIP = os.environ.get("WAFSCOPE_NO_SKIP") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that of several processes none is left alone with it at the end."""
    items.sort(key=lambda item: item.path.parent.name not in _LONG)


_LONG = frozenset({"system", "corpus", "browser", "docs"})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):  # an expected failure is reported as skipped too
        fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    fail_if_skipped(report)
    return report


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIP and report.outcome == "skipped":
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"WAFSCOPE_NO_SKIP=1 allows no skipped test. {why}"


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that anybody may enter, as none is below that of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
