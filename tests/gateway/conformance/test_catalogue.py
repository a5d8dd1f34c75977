"""The catalogue, the tests and the page say the same."""

import re
from pathlib import Path

import pytest

from tests.gateway.conformance.catalogue import VERSIONS, names_of_tests, requirements, shown_by
from tests.gateway.conformance.report import PAGE

ROOT = Path(__file__).parents[3]
SAME = "run python -m tests.gateway.conformance.report"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_requirement_is_shown_or_says_why_not(version: str) -> None:
    names = names_of_tests(version)
    for item in requirements(version):
        if item.state == "tested":
            assert shown_by(item, names), f"{item.id} has no test {item.test_prefix}…"
        elif item.state == "elsewhere":
            assert item.where, f"{item.id} does not say where"
            assert (ROOT / item.where.partition(":")[0]).exists(), item.where
        else:
            assert item.why, f"{item.id} does not say why it is open"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_test_shows_a_requirement_that_is_in_the_catalogue(version: str) -> None:
    prefixes = tuple(item.test_prefix for item in requirements(version))
    assert [name for name in names_of_tests(version) if not name.startswith(prefixes)] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_ids_are_given_once(version: str) -> None:
    ids = [item.id for item in requirements(version)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_page_tells_of_every_requirement_and_of_no_failure(version: str) -> None:
    page = PAGE.read_text()
    section = page.partition(f"## {VERSIONS[version]}\n")[2].partition("\n## ")[0]
    told = re.findall(r"^\| (\S+) \|", section, re.MULTILINE)
    assert [name for name in told if name not in ("id", "---")] == [
        item.id
        for block in dict.fromkeys(item.block for item in requirements(version))
        for item in requirements(version)
        if item.block == block
    ], SAME
    assert "**failed**" not in section
    assert "not run" not in section, SAME
