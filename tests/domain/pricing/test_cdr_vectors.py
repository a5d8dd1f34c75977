"""The shared OCPI vectors read as partners' records: their tariffs said again cost the same."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.domain.finding import Severity
from holdfast.domain.pricing.cdr import price_record, read_record
from holdfast.domain.tariff.diff import differences
from holdfast.domain.tariff.foreign import foreign_tariff
from holdfast.domain.tariff.lint import lint_tariff
from holdfast.domain.tariff.ocpi import json_text, render
from holdfast.domain.tariff.version import TariffVersion

FOLDER = Path(__file__).parents[4] / "shared" / "vectors" / "tariffs" / "vectors"

if not FOLDER.is_dir():
    pytest.skip("the shared tariff vectors are not beside the repository", allow_module_level=True)

VECTORS = [
    json.loads(path.read_text(), parse_float=Decimal) for path in sorted(FOLDER.glob("*.json"))
]
NAMES = [vector["id"] for vector in VECTORS]


def said_again(version: TariffVersion, form: str) -> TariffVersion | None:
    """None where the form has no word for something that enters the price."""
    rendering = render(version, form)
    if any(loss.severity is not Severity.NOTE for loss in rendering.losses):
        return None
    return foreign_tariff(json.loads(json_text(rendering.tariff), parse_float=Decimal)).version


@pytest.mark.parametrize("form", ["2.2.1", "2.3.0"])
@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_a_vectors_tariff_said_again_costs_the_same(vector: dict[str, Any], form: str) -> None:
    record = read_record(vector)
    again = [said_again(tariff, form) for tariff in record.tariffs]
    known = tuple(tariff for tariff in again if tariff is not None)
    assert len(known) == len(again)

    first, second = price_record(record), price_record(replace(record, tariffs=known))

    assert first is not None
    assert second is not None
    assert (first.exact_excl, first.exact_incl) == (second.exact_excl, second.exact_incl)


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_a_vector_is_read_without_a_doubt(vector: dict[str, Any]) -> None:
    record = read_record(vector)

    assert [item for item in record.findings if item.severity is not Severity.NOTE] == []


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_a_vectors_tariff_can_be_metered(vector: dict[str, Any]) -> None:
    """None of them contradicts itself; one-sided limits are the specification's own habit."""
    for version in read_record(vector).tariffs:
        blocks = [item for item in lint_tariff(version) if item.severity is Severity.BLOCK]
        assert blocks == []
        assert differences(version, version) == ()
