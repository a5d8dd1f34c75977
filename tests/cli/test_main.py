"""The command line: what it offers, and how it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import COMMANDS

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
    assert {"up", "migrate", "gateway", "api", "worker", "simulate"} <= set(COMMANDS)
    for command in COMMANDS:
        assert f" {command} " in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = holdfast(command, "--help")

    assert done.returncode == 0, done.stderr
    assert f"{command} [OPTIONS]" in done.stdout


def test_an_unknown_command_is_refused() -> None:
    done = holdfast("fly")

    assert done.returncode == 2
    assert "fly" in done.stderr


def test_up_does_not_load_what_only_other_commands_need() -> None:
    code = "import sys, cli.main, cli.up; print({'sqlalchemy', 'temporalio'} & set(sys.modules))"
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "set()\n"


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
