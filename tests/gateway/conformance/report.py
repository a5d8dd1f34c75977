"""Runs the suite and writes docs/reference/conformance.md: requirement, test, result.

`python -m tests.gateway.conformance.report`
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.gateway.conformance.catalogue import (
    VERSIONS,
    Requirement,
    names_of_tests,
    requirements,
    shown_by,
)

PAGE = Path(__file__).parents[3] / "docs/reference/conformance.md"
HEAD = """# Conformance

What the specifications ask of a central system, and the test that shows it.
Each test runs against a real gateway over a real socket.
The station is the independent witness of `simulator/stations/witness.py`: it imports nothing of
ours, and checks every frame that it receives against the schemas of the `ocpp` package.
The words are ours; the numbers are the specifications'.
"Shown elsewhere" names the file whose tests show it at another level; "open" is not covered, and
says why.

Made by `python -m tests.gateway.conformance.report`.
"""


class Outcomes:
    """What became of each test, by its name without parameters: the worst counts."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.passed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for each phase of each test."""
        name = report.nodeid.rpartition("::")[2].partition("[")[0]
        if report.failed:
            self.failed.add(name)
        elif report.when == "call" and report.passed:
            self.passed.add(name)

    def word(self, name: str) -> str:
        """passed, failed or not run."""
        if name in self.failed:
            return "**failed**"
        return "passed" if name in self.passed else "not run"


def page(outcomes: Outcomes | None, now: datetime) -> str:
    """The whole page."""
    parts = [HEAD]
    for version, title in VERSIONS.items():
        names = names_of_tests(version)
        found = requirements(version)
        counts = {
            state: sum(item.state == state for item in found)
            for state in ("tested", "elsewhere", "open")
        }
        parts.append(
            f"## {title}\n\n{len(found)} requirements: {counts['tested']} tested here, "
            f"{counts['elsewhere']} shown elsewhere, {counts['open']} open."
        )
        for block in dict.fromkeys(item.block for item in found):
            parts.append(
                "\n".join(
                    [
                        f"### {block}",
                        "",
                        "| id | requirement | shown by | result |",
                        "|---|---|---|---|",
                        *(row(item, names, outcomes) for item in found if item.block == block),
                    ]
                )
            )
    parts.insert(1, f"Last run: {now:%Y-%m-%d}.")
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def row(item: Requirement, names: dict[str, Path], outcomes: Outcomes | None) -> str:
    """One line of the table."""
    tests = shown_by(item, names)
    if item.state == "tested":
        shown = "<br>".join(f"`{name}`" for name in tests)
        words = {outcomes.word(name) for name in tests} if outcomes else {"not run"}
        result = "passed" if words == {"passed"} else ", ".join(sorted(words))
    elif item.state == "elsewhere":
        shown, result = f"`{item.where}`", "shown elsewhere"
    else:
        shown, result = "", f"open: {item.why}"
    return f"| {item.id} | {item.text.replace('|', '/')} | {shown} | {result} |"


def main() -> int:
    """Run, write, and say whether all passed."""
    outcomes = Outcomes()
    folders = [str(Path(__file__).parent / version) for version in VERSIONS]
    code = pytest.main(["-q", *folders], plugins=[outcomes])
    PAGE.write_text(page(outcomes, datetime.now(UTC)))
    print(f"wrote {PAGE.name}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
