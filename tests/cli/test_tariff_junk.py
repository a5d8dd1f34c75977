"""Records with junk in any place: a price or a refusal that names the place, never a crash."""

import json
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from cli.tariff import linted, priced_json
from holdfast.domain.pricing.cdr import read_record
from holdfast.domain.pricing.record import RecordInvalid
from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import TariffInvalid
from tests.cli.test_tariff import RECORD

RECORDS = 400
JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 3.5, float("inf"), Decimal("1e999999999"), Decimal("1e-999999999"),
    Decimal("NaN"), Decimal("-0"), "", "x", "NaN", "24:00", "00:00", "1_0", "2026-01-01",
    "1990-01-01T00:00:00Z", "2199-12-31T00:00:00Z", "9999-12-31T23:59:59Z",
    "2026-03-29T02:30:00+14:00", "ENERGY", "EUR", "\ud800", (), None, (None,), ((),),
)  # fmt: skip
PLACE = LintPlace(country="DE", ad_hoc=True, max_power_w=150_000, calibration_law=True)

Path = tuple[str | int, ...]


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    """Every place in a record."""
    items: Iterator[tuple[str | int, object]] = iter(())
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def spoiled(chance: Random) -> dict[str, Any]:
    """The record with junk in up to three places."""
    full: dict[str, Any] = json.loads(json.dumps(RECORD))
    full["context"] = {"reservation_expired": False, "user_groups": ["staff"]}
    full["tariff"]["elements"][0]["restrictions"] = {
        "start_time": "07:00", "day_of_week": ["MONDAY"], "max_kwh": 5, "min_duration": 60,
        "start_date": "2026-01-01", "max_power": 22,
    }  # fmt: skip
    full["tariff"] |= {"max_price": {"excl_vat": 9, "incl_vat": 10}, "type": "REGULAR"}
    for _ in range(chance.randrange(1, 4)):
        path = chance.choice(list(paths(full)))
        place: Any = full
        for step in path[:-1]:
            place = place[step]
        junk = chance.choice(JUNK)
        place[path[-1]] = list(junk) if isinstance(junk, tuple) else junk
    return full


def refusal_of(record: dict[str, Any]) -> str | None:
    """How the record is refused; None where it is priced."""
    try:
        json.dumps(priced_json(read_record(record)))
    except RecordInvalid as refusal:
        return refusal.expected
    return None


def lint_refusal_of(record: dict[str, Any]) -> str | None:
    """The place for which lint refuses the record; None where it looks at it."""
    try:
        linted(record, PLACE)
    except TariffInvalid as refusal:
        return refusal.field
    return None


@pytest.mark.parametrize("seed", range(2))
def test_junk_is_priced_or_refused_by_its_place(seed: int) -> None:
    chance, refused = Random(seed), 0  # noqa: S311 - cases, not secrets
    for _ in range(RECORDS):
        record = spoiled(chance)

        expected, field = refusal_of(record), lint_refusal_of(record)

        refused += expected is not None
        assert expected is None or "use" in expected
        assert field is None or field.startswith(("tariff", "cdr"))
    assert RECORDS // 4 < refused < RECORDS - RECORDS // 20
