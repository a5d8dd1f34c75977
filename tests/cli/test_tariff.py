"""`holdfast tariff`: the shared vectors through it, and how it refuses what it cannot read."""

import json
import subprocess
import sys
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.tariff import BYTES_MAX, exact_decimal, tariff
from tests.cli.test_main import ROOT, holdfast

FOLDER = Path(__file__).parents[3] / "shared" / "vectors" / "tariffs" / "vectors"
VECTORS = sorted(FOLDER.glob("*.json"))
ABSENT = "the shared tariff vectors are not beside the repository"

RUN = CliRunner()

RECORD: dict[str, Any] = {
    "time_zone": "Europe/Berlin",
    "tariff": {
        "id": "T1",
        "currency": "EUR",
        "elements": [
            {"price_components": [{"type": "ENERGY", "price": 0.49, "vat": 19, "step_size": 1}]},
            {"price_components": [{"type": "PARKING_TIME", "price": 1, "vat": 19}]},
        ],
    },
    "cdr": {
        "start_date_time": "2026-03-04T12:00:00Z",
        "end_date_time": "2026-03-04T13:07:00Z",
        "currency": "EUR",
        "charging_periods": [
            {
                "start_date_time": "2026-03-04T12:00:00Z",
                "dimensions": [
                    {"type": "ENERGY", "volume": 10.123},
                    {"type": "TIME", "volume": 1},
                ],
            },
            {
                "start_date_time": "2026-03-04T13:00:00Z",
                "dimensions": [{"type": "PARKING_TIME", "volume": 0.1167}],
            },
        ],
        "total_cost": {"excl_vat": 5.08, "incl_vat": 6.04},
        "total_energy": 10.123,
        "total_time": 1.1167,
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    """A copy of the record with one thing in it changed."""
    data: dict[str, Any] = json.loads(json.dumps(RECORD))
    place: Any = data
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in steps:
        place = place[step]
    place[last] = value
    return data


def run(command: str, content: object, *options: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    text = content if isinstance(content, str) else json.dumps(content)
    done = RUN.invoke(tariff, [command, "-", *options], input=text)
    return done.exit_code, done.stdout, done.stderr


def same(priced: Mapping[str, Any], vector: Mapping[str, Any]) -> None:
    """What a record expects, rounded half up to its decimals, is what was printed."""
    unit = Decimal(1).scaleb(-vector["compare"]["decimals"])
    for name, sides in vector["expected"].items():
        for side, stated in sides.items():
            if stated is not None:
                ours = Decimal(priced[name][side]).quantize(unit, ROUND_HALF_UP)
                assert ours == Decimal(stated), f"{name}.{side}"


@pytest.mark.skipif(not VECTORS, reason=ABSENT)
@pytest.mark.parametrize("path", VECTORS, ids=[path.stem for path in VECTORS])
def test_a_vector_costs_what_it_states(path: Path) -> None:
    done = RUN.invoke(tariff, ["price", str(path)])

    assert done.exit_code == 0, done.stderr
    same(json.loads(done.stdout), json.loads(path.read_text()))


@pytest.mark.skipif(not VECTORS, reason=ABSENT)
def test_all_vectors_are_there() -> None:
    assert len(VECTORS) >= 47


@pytest.mark.skipif(not VECTORS, reason=ABSENT)
@pytest.mark.parametrize("name", ["own-18a", "spec-18b"])
def test_a_vector_costs_the_same_in_a_process_of_its_own(name: str) -> None:
    path = FOLDER / f"{name}.json"

    done = holdfast("tariff", "price", str(path))

    assert done.returncode == 0, done.stderr
    same(json.loads(done.stdout), json.loads(path.read_text()))


@pytest.mark.skipif(not VECTORS, reason=ABSENT)
@pytest.mark.parametrize("path", VECTORS, ids=[path.stem for path in VECTORS])
def test_the_answer_in_a_vector_is_never_read(path: Path) -> None:
    vector = json.loads(path.read_text())
    told = {name: vector["cdr"].pop(name) for name in [*vector["cdr"]] if name.endswith("_cost")}

    code, shown, _ = run("price", vector)

    assert told
    assert code == 0
    same(json.loads(shown), vector)


def test_every_cent_is_explained_in_exact_decimals() -> None:
    code, shown, _ = run("price", RECORD)
    priced = json.loads(shown)

    assert code == 0
    # 10.123 kWh at 0.49, and 420 s (0.1167 h) at 1 per hour, which has no end as a decimal.
    exact = Fraction("10.123") * Fraction("0.49") + Fraction(420, 3_600)
    assert 0 <= exact - Fraction(priced["total_cost"]["excl_vat"]) < Fraction(1, 10**30)
    assert priced["total_energy_cost"] == {"excl_vat": "4.96027", "incl_vat": "5.9027213"}
    assert priced["rounded"]["total_cost"] == {"excl_vat": "5.08", "incl_vat": "6.04"}
    assert [line["dimension"] for line in priced["breakdown"]] == ["ENERGY", "PARKING_TIME"]
    lines = sum(Fraction(line["excl_vat"]) for line in priced["breakdown"])
    assert abs(lines - exact) < Fraction(1, 10**29)
    assert "/" not in shown.replace("Europe/Berlin", "")
    # The tariff has no price of charging time, and the stated totals are ours.
    assert [finding["code"] for finding in priced["findings"]] == []


def test_a_number_is_never_a_binary_float() -> None:
    record = json.dumps(changed("cdr/charging_periods/0/dimensions/0/volume", "PLACE"))

    _, shown, _ = run("price", record.replace('"PLACE"', "0.1000000000000000055511151231257827"))

    energy = json.loads(shown)["breakdown"][0]
    assert energy["quantity"] == "0.1"


def test_a_total_unlike_ours_is_a_finding_and_no_error() -> None:
    code, shown, _ = run("price", changed("cdr/total_cost/incl_vat", 7))

    priced = json.loads(shown)
    assert code == 0
    assert "total_cost_unlike_ours" in {finding["code"] for finding in priced["findings"]}
    assert priced["rounded"]["total_cost"]["incl_vat"] == "6.04"


def test_without_a_tariff_nothing_is_known_of_the_cost() -> None:
    record = changed("cdr/tariffs", [])
    del record["tariff"]

    code, shown, _ = run("price", record)

    priced = json.loads(shown)
    assert code == 0
    assert priced["total_cost"] == {"excl_vat": None, "incl_vat": None}
    assert {"code": "missing_tariff", "severity": "block"}.items() <= priced["findings"][0].items()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is not JSON: it is empty"),
        ("{", "is not JSON"),
        ("[" * 100_000, "nested"),
        ('{"cdr": NaN}', "NaN is no number"),
        (
            '{"cdr": {"id": 1, "credit": true, "id": 2}}',
            "'id' is there more than once in one object",
        ),
        ("9" * 5_000, "a number of 5000 digits: use at most 1000"),
        ('{"volume": 1e99999999999999999999}', "1e99999999999999999999 is a number that nothing"),
        ("[]", "record is '[]': use a JSON object"),
        ({}, "cdr is missing: use a CDR"),
        (changed("time_zone", "Berlin"), "time_zone is 'Berlin': use the site's IANA zone"),
        (changed("time_zone", "../../etc/passwd"), "IANA"),
        (changed("time_zone", None), "IANA"),
        (changed("context", {"reservation_expired": "no"}), "use true or false"),
        (changed("tariff/currency", "EURO"), "tariff.currency is 'EURO'"),
        (changed("tariff/elements", []), "tariff.elements is"),
        (changed("tariff/elements/0/price_components/0/price", -1), "elements[0]"),
        (changed("tariff/elements/0/restrictions", {"start_time": "25:99"}), "25:99"),
        (changed("cdr/start_date_time", "yesterday"), "cdr.start_date_time is 'yesterday'"),
        (changed("cdr/start_date_time", "0001-01-01T00:00:00Z"), "years 1990"),
        (changed("cdr/charging_periods/0/dimensions", 3), "use a list"),
        (changed("cdr/charging_periods/0/dimensions/1/volume", -1), "use 0 or more"),
        (changed("cdr/charging_periods/0/dimensions/0/volume", "1e999999999"), "use a number"),
        (changed("cdr/charging_periods/0/dimensions/0/volume", "1e-999999999"), "use a number"),
        (changed("tariff/elements/0/price_components/0/step_size", "1e9"), "whole number"),
        (changed("cdr/charging_periods/0/dimensions/0/volume", "1_0"), "volume is '1_0'"),
        (changed("cdr/charging_periods/0/dimensions/0/volume", 10**10), "of at most 1000000000"),
        (changed("cdr/charging_periods", [{}] * 10_001), "'10001 entries': use a list of at most"),
        (changed("cdr/charging_periods", None), "cdr.charging_periods is missing: use a list"),
        (changed("cdr/tariffs", [{}] * 101) | {"tariff": None}, "is '101 tariffs': use"),
        (changed("cdr/credit", "true"), "cdr.credit is 'true': use true or false"),
        (changed("cdr/currency", 978), "cdr.currency is '978': use an ISO 4217 code"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(content: object, says: str) -> None:
    code, shown, said = run("price", content)

    assert code == 2
    assert shown == ""
    assert said.startswith("holdfast: standard input: ")
    assert says in said
    assert said.count("\n") == 1


def test_a_step_size_of_a_billion_digits_takes_no_time() -> None:
    record = json.dumps(changed("tariff/elements/0/price_components/0/step_size", "PLACE"))

    code, _, said = run("price", record.replace('"PLACE"', "1e999999999"))

    assert code == 2
    assert "whole number" in said


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.json"

    done = RUN.invoke(tariff, ["price", str(missing)])

    assert done.exit_code == 2
    assert done.stderr == f"holdfast: {missing}: cannot be read: no such file or directory\n"


def test_a_folder_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as opened:
        opened.truncate(BYTES_MAX + 1)

    assert RUN.invoke(tariff, ["price", str(tmp_path)]).exit_code == 2
    assert "16 MiB" in RUN.invoke(tariff, ["lint", str(huge)]).stderr


def test_lint_forbids_what_contradicts_itself() -> None:
    faulty = changed("tariff/elements/0/restrictions", {"min_kwh": 5, "max_kwh": 5})

    code, shown, _ = run("lint", faulty)

    assert code == 1
    found = {item["code"]: item["severity"] for item in json.loads(shown)["findings"]}
    assert found["contradiction"] == "block"


def test_lint_takes_a_tariff_alone_and_where_it_counts() -> None:
    code, shown, _ = run(
        "lint", RECORD["tariff"], "--country", "fr", "--power-w", "150000", "--ad-hoc"
    )

    assert code == 0
    found = {item["code"] for item in json.loads(shown)["findings"]}
    assert "vat_unlike_country" in found
    assert run("lint", [])[0] == 2


def test_lint_knows_countries_by_two_letters() -> None:
    code, shown, said = run("lint", RECORD["tariff"], "--country", "Germany")

    assert (code, shown) == (2, "")
    assert "'Germany': use two letters, such as DE" in said
    assert run("lint", {"cdr": {}})[0] == 2


def test_an_unknown_restriction_blocks() -> None:
    record = changed("tariff/elements/0/restrictions", {"phase_of_the_moon": "full"})

    code, shown, _ = run("price", record)
    linted, _, _ = run("lint", record)

    assert (code, linted) == (0, 1)
    blocks = [item for item in json.loads(shown)["findings"] if item["severity"] == "block"]
    assert "phase_of_the_moon" in blocks[0]["detail"]


def test_a_tariff_without_any_price_blocks() -> None:
    code, shown, _ = run("lint", changed("tariff/elements", [{"price_components": []}]))

    assert code == 1
    assert json.loads(shown)["findings"][-1] == {
        "code": "no_component",
        "severity": "block",
        "detail": "tariff.elements: there is no price at all",
    }


def test_half_a_character_in_a_name_is_printed_all_the_same() -> None:
    record = json.dumps(changed("tariff/PLACE", 1)).replace("PLACE", "\\ud800")

    code, shown, _ = run("price", record)

    assert code == 0
    assert "\ud800" in json.loads(shown)["findings"][0]["detail"]


@pytest.mark.parametrize(
    ("exact", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(5, 2), "2.5"),
        (Fraction(-61, 10), "-6.1"),
        (Fraction(1, 3), "0." + "3" * 30),
        (Fraction(-2, 3), "-0." + "6" * 30),
        (Fraction(100), "100"),
    ],
)
def test_an_amount_without_end_is_cut_off_and_not_rounded(exact: Fraction, text: str) -> None:
    assert exact_decimal(exact) == text


def test_the_command_loads_no_database_and_no_workflow_engine() -> None:
    heavy = "{'sqlalchemy', 'temporalio', 'fastapi', 'babel', 'holidays'}"
    code = f"import sys, cli.main, cli.tariff; print({heavy} & set(sys.modules))"

    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "set()\n"


def test_the_example_of_the_reference_is_what_the_command_prints() -> None:
    text = (ROOT / "docs/reference/tariffs-cli.md").read_text()
    record, printed = (block.split("```")[0] for block in text.split("```json\n")[1:])

    code, shown, _ = run("price", record)

    priced = json.loads(shown)
    assert code == 0
    for name, value in json.loads(printed).items():
        assert priced[name] == value, name
