"""The command line: what it offers, and how it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def holdfast(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command with the given HOLDFAST_* settings and no others."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        env={**inherited, "NO_COLOR": "1", "COLUMNS": "100", **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_help_names_every_command_of_the_design() -> None:
    done = holdfast("--help")

    assert done.returncode == 0
    for command in ("up", "migrate", "gateway", "api", "worker", "simulate"):
        assert f" {command} " in done.stdout


def test_the_version_is_printed() -> None:
    done = holdfast("--version")

    assert done.returncode == 0
    assert done.stdout.startswith("holdfast ")


def test_a_migration_without_a_database_is_one_sentence() -> None:
    done = holdfast("migrate")

    assert done.returncode == 1
    assert done.stderr == (
        "holdfast: HOLDFAST_DATABASE_URL is not set: which database is to be migrated?\n"
    )


def test_a_senseless_port_base_is_one_sentence() -> None:
    done = holdfast("up", "--port-base", "80")

    assert done.returncode == 1
    assert done.stderr == "holdfast: --port-base must be between 1024 and 65515, not 80.\n"


@pytest.mark.parametrize("name", ["stations", "stripe"])
def test_a_simulator_gets_its_own_arguments(name: str) -> None:
    done = holdfast("simulate", name, "--", "--help")

    assert "--port" in done.stdout + done.stderr or "--control-port" in done.stdout
