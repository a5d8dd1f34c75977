"""What lint says of a tariff, as answers show it."""

from collections.abc import Iterable
from typing import Any

from api.routes.fields import Output
from holdfast.domain.finding import Finding
from holdfast.domain.tariff.version import TariffInvalid

VALUE_LENGTH_MAX = 80


class TariffFindingShown(Output):
    """What is unwise or forbidden. Severity `block`: it cannot be published so."""

    code: str
    severity: str
    detail: str


class TariffProblemShown(Output):
    """Why a body cannot be read as a tariff: the field, its value and what would be right."""

    field: str
    value: Any
    expected: str


def shown_findings(findings: Iterable[Finding]) -> list[TariffFindingShown]:
    """The answer."""
    return [TariffFindingShown.model_validate(finding.to_json()) for finding in findings]


def shown_problem(problem: TariffInvalid | None) -> TariffProblemShown | None:
    """The answer."""
    if problem is None:
        return None
    return TariffProblemShown(
        field=problem.field,
        value=None if problem.value is None else str(problem.value)[:VALUE_LENGTH_MAX],
        expected=problem.expected,
    )
