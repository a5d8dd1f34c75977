"""The scenarios that come along are played; files that are wrong are told so."""

import asyncio
from typing import Any

import pytest

from simulator.stations.play import Conditions, Play
from simulator.stations.scenario import ScenarioWrong, parse_scenario, read_scenario, shipped
from tests.simulator.stations.authority import Authority
from tests.simulator.stations.back_office import BackOffice, back_office

QUIET = sorted(set(shipped()) - {"hostile-frames", "certificate-renewal", "busy-day", "slow-link"})


async def played(name: str, office: BackOffice, **options: Any) -> dict[str, Any]:
    scenario = read_scenario(name, stations=options.pop("stations", None))
    conditions = Conditions(
        url=office.url, seed=7, **({"speed": 300.0, "connect_per_s": 500.0} | options)
    )
    async with asyncio.timeout(120), Play(scenario, conditions) as play:
        await play.run()
        return play.report()


@pytest.mark.parametrize("name", QUIET)
async def test_a_shipped_scenario_passes_against_a_good_server(
    name: str, office: BackOffice
) -> None:
    report = await played(name, office, stations=20 if name == "reconnect-storm" else None)

    assert report["failures"] == []
    assert report["met"] == report["expected"] > 0
    assert report["messages"] > 0
    assert report["latency_ms"]["p99"] >= report["latency_ms"]["p50"] > 0


async def test_hostile_frames_pass_against_a_server_that_goes_on() -> None:
    async with back_office() as office:
        report = await played("hostile-frames", office)

    assert report["failures"] == []
    assert office.strange_frames > 30


async def test_a_certificate_is_renewed_by_csr() -> None:
    authority = Authority()
    async with back_office() as office:
        playing = asyncio.create_task(played("certificate-renewal", office))
        await office.until(lambda: len(office.requests) == 2)
        for identity, csr in office.requests.items():
            wrong = {"certificateChain": authority.root_pem}
            right = {"certificateChain": authority.sign(csr)}
            assert await office.call(identity, "CertificateSigned", wrong) == {"status": "Rejected"}
            assert await office.call(identity, "CertificateSigned", right) == {"status": "Accepted"}
        report = await playing

    assert report["failures"] == []
    assert office.violations == []


async def test_a_slow_link_loses_an_answer_and_the_message_comes_again(
    office: BackOffice,
) -> None:
    document = {
        "title": "slow",
        "stations": [{"identity": "SLOW"}],
        "steps": [
            {"do": "slow-link", "delay": "20ms", "jitter": "10ms", "bytes_per_second": 100_000},
            {"do": "start", "kwh": 5},
            {"do": "expect-answer", "action": "StartTransaction", "within": "5s"},
            {"do": "unplug"},
            {"do": "expect-state", "confirmed": True, "queue_empty": True},
        ],
    }
    conditions = Conditions(url=office.url, seed=1, speed=300, connect_per_s=100)
    async with Play(parse_scenario(document, "slow.toml"), conditions) as play:
        await play.run()
        report = play.report()

    assert report["failures"] == []
    assert report["latency_ms"]["p50"] > 40


async def test_a_busy_day_brings_drivers_and_faults_and_ends_settled() -> None:
    async with back_office() as office:
        report = await played("busy-day", office, stations=14, speed=10_000.0)

    assert report["failures"] == []
    assert report["met"] == 1
    assert report["transactions_confirmed"] == report["transactions_ended"] > 0
    assert sum(report["counters"].values()) > 100


async def test_a_server_that_does_not_do_what_is_expected_fails_the_run(
    office: BackOffice,
) -> None:
    office.refused_tokens.add("SIMTOKEN0001")
    document = {
        "title": "refused",
        "stations": [{"identity": "R1"}],
        "steps": [
            {"do": "expect-order", "action": "Reset", "within": "100ms"},
        ],
    }
    starts = document | {"steps": [{"do": "start"}]}
    reports = []
    for one in (document, starts):
        conditions = Conditions(url=office.url, seed=1, speed=1)
        async with Play(parse_scenario(one, "r.toml"), conditions) as play:
            await play.run()
            reports.append(play.report())

    assert [one["passed"] for one in reports] == [False, False]
    assert "no order Reset came" in reports[0]["failures"][0]
    assert "steps[0] (start) at R1: TokenRefused" in reports[1]["failures"][0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"stations": []}, "stations = '[]' is wrong: at least one [[stations]] is needed"),
        ({"colour": 1}, "the file.colour = '1' is wrong: the keys are"),
        ({"stations": [{"count": 0}]}, "stations[0].count = '0' is wrong: a whole number from 1"),
        ({"stations": [{"version": "3"}]}, "one of 1.6, 2.0.1, 2.1"),
        ({"stations": [{"identity": "X", "count": 2}]}, "put {n} into `identity`"),
        ({"stations": [{"quirks": {"lazy": True}}]}, "stations[0].quirks.lazy is not a quirk"),
        ({"stations": [{"evses": [{"max_power_w": -1}]}]}, "stations[0].evses[0].max_power_w"),
        ({"steps": [{"do": "dance"}]}, "steps[0].do = 'dance' is wrong: one of boot, plug"),
        ({"steps": [{"do": "wait", "for": "5"}]}, 'a duration such as "500ms"'),
        ({"steps": [{"do": "wait"}]}, "steps[0].for is wrong: it is missing"),
        ({"steps": [{"do": "stop", "kwh": 4}]}, "steps[0].kwh = '4' is wrong: the keys are after"),
        ({"steps": [{"do": "boot", "who": "Z*"}]}, "it fits no station's identity"),
        ({"steps": [{"do": "hostile", "frame": "soft"}]}, "one of all, truncated"),
        ({"mix": {"for": "1m", "faults": {"drop": 1}}}, "mix.fault_every is wrong: it is missing"),
    ],
)
def test_a_wrong_file_says_where_and_what_would_be_right(change: dict[str, Any], told: str) -> None:
    document: dict[str, Any] = {"title": "t", "stations": [{}], **change}

    with pytest.raises(ScenarioWrong) as wrong:
        parse_scenario(document, "mine.toml")

    assert str(wrong.value).startswith("mine.toml: ")
    assert told in str(wrong.value)
