"""Only a failure that the time-skipping server's own fault explains is tried again."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflows.conftest import FAULT, TRIES

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest
runs = []
@pytest.fixture
def time_skipping():
    yield
def test_it(time_skipping):
    runs.append(1)
    print({said!r})
    assert len(runs) == {good_at}, f"run {{len(runs)}}"
"""


@pytest.mark.parametrize(
    ("said", "good_at", "end"),
    [
        (FAULT, 1, "1 passed"),
        (FAULT, 2, "1 passed"),
        (FAULT, TRIES, "1 passed"),
        (FAULT, TRIES + 1, f"run {TRIES}"),
        ("another line", 2, "run 1"),
    ],
)
def test_a_test_is_run_again_while_the_server_says_its_fault(
    tmp_path: Path, said: str, good_at: int, end: str
) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.workflows.conftest import pytest_runtest_protocol\n"
    )
    (tmp_path / "test_it.py").write_text(SUITE.format(said=said, good_at=good_at))

    ended = subprocess.run(  # noqa: S603 - our own file
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert end in ended.stdout, ended.stdout + ended.stderr
    assert (ended.returncode == 0) == (end == "1 passed")
