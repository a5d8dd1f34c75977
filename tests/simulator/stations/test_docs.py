"""The simulator's pages: every example is read as it is, and every key and option is on them."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from simulator.stations.config import StationConfig
from simulator.stations.console import app
from simulator.stations.hostile import FRAMES
from simulator.stations.quirks import Quirks
from simulator.stations.scenario import MIX_FAULTS, STATION_KEYS, parse_scenario
from simulator.stations.step_keys import STEPS, TIMING_KEYS

DOCS = Path(__file__).resolve().parents[3] / "docs"
REFERENCE = DOCS / "reference" / "simulator.md"
PAGES = (REFERENCE, DOCS / "howto" / "simulate.md")


def examples(kind: str) -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        blocks = re.findall(rf"```{kind}\n(.*?)```", page.read_text(), re.S)
        found += [(f"{page.name} {at}", text) for at, text in enumerate(blocks)]
    return found


@pytest.mark.parametrize(("name", "text"), examples("toml"), ids=lambda one: str(one)[:16])
def test_every_example_is_a_good_scenario(name: str, text: str) -> None:
    assert parse_scenario(tomllib.loads(text), name).stations


@pytest.mark.parametrize(("name", "text"), examples("python"), ids=lambda one: str(one)[:16])
def test_every_python_example_runs(name: str, text: str) -> None:
    space: dict[str, object] = {}
    exec(compile(text, name, "exec"), space)  # noqa: S102 - our own page

    assert "resets" in space


def test_every_key_of_the_file_is_on_the_page() -> None:
    page = REFERENCE.read_text()
    keys = {*STATION_KEYS, *TIMING_KEYS, *STEPS, *FRAMES, *MIX_FAULTS}
    keys |= {one.name for one in fields(Quirks)} | {key for step in STEPS.values() for key in step}

    assert {one for one in keys if f"`{one}`" not in page} == set()


def test_every_key_of_a_station_that_the_page_names_can_be_used() -> None:
    table = REFERENCE.read_text().split("### `[[stations]]`")[1].split("###")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.M)
    named = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    told = {one.name for one in fields(StationConfig)} - {"protocol"}  # a file says `version`

    assert named == STATION_KEYS
    assert told <= STATION_KEYS


def test_every_option_is_on_the_page() -> None:
    page = REFERENCE.read_text()
    command = typer.main.get_command(app)
    options = {option for one in command.params for option in one.opts if option.startswith("--")}

    assert {one for one in options if f"{one}" not in page} == set()
