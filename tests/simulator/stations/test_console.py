"""`holdfast simulate` as a person calls it: progress, report, exit codes."""

import asyncio
import json
import sys
from pathlib import Path

from tests.simulator.stations.back_office import BackOffice

ROOT = Path(__file__).resolve().parents[3]


async def simulate(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli.main",
        "simulate",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_scenario_that_passes_ends_with_zero_and_a_report(
    office: BackOffice, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    office.refused_tokens.add("SIMTOKEN0001")
    told = ("--url", office.url, "--speed", "300", "--report", str(report))
    options = (*told, "--token", "MYTOKEN01")

    code, out, err = await simulate("all-versions", *options)

    figures = json.loads(report.read_text())
    assert code == 0, err
    assert "passed; 6 of 6 expectations met" in out
    assert figures["complete"]
    assert figures["messages"] == sum(figures["messages_by_action"].values()) > 20


async def test_one_that_fails_ends_with_one_and_says_why(
    office: BackOffice, tmp_path: Path
) -> None:
    office.refused_tokens.add("SIMTOKEN0001")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('title = "x"\n[[stations]]\ncolour = "red"\n')

    refused, listed, misspelt = await asyncio.gather(
        simulate("all-versions", "--url", office.url, "--speed", "300"),
        simulate("--list"),
        simulate(str(wrong)),
    )

    assert refused[0] == 1
    assert "steps[1] (authorize) at ALL16: the token was refused" in refused[2]
    assert listed[0] == 0
    assert "busy-day" in listed[1]
    assert misspelt[0] == 2
    assert "stations[0].colour = 'red' is wrong: the keys are" in misspelt[2]


async def test_a_server_that_cannot_be_reached_is_told_with_the_reason() -> None:
    told = ("--url", "ws://127.0.0.1:1/ocpp", "--for", "1")

    code, _, err = await simulate("all-versions", *told)

    assert code == 1
    (line,) = [one for one in err.splitlines() if one.startswith("failed: ALL16 ")]
    assert "was never there: " in line
    assert "Connect call failed ('127.0.0.1', 1)" in line
