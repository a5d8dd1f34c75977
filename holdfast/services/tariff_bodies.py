"""What people write as a tariff: read, completed and judged, for drafts, previews and versions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.lint import lint_tariff
from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import TariffInvalid, TariffVersion
from holdfast.services.holiday_calendars import holiday_dates
from holdfast.services.refusal import Invalid
from holdfast.services.scope import find
from holdfast.services.tariff_places import lint_places, no_place
from holdfast.store.tables import Tariff

DRAFT_NAME = "draft"
"""The id of a tariff that is no version yet."""

HOLIDAY_YEARS_AHEAD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """`tariff` is None where the body cannot be read, and then `problem` says why."""

    tariff: TariffVersion | None
    problem: TariffInvalid | None
    findings: tuple[Finding, ...] = ()

    @property
    def blocked(self) -> bool:
        """It may not be published as it is."""
        return self.tariff is None or any(
            finding.severity is Severity.BLOCK for finding in self.findings
        )


async def lint_body(
    db: AsyncSession,
    organization_id: UUID,
    tariff_id: UUID,
    body: Mapping[str, Any],
    *,
    now: datetime,
) -> Linted:
    """What stands in the way of a body, and what is unwise about it. Raises NotFound."""
    tariff = await find(db, Tariff, organization_id, tariff_id, "tariff")
    return await lint_for(db, tariff, body, now=now)


async def lint_for(
    db: AsyncSession, tariff: Tariff, body: Mapping[str, Any], *, now: datetime
) -> Linted:
    """As `lint_body`, of a tariff that is at hand."""
    return _linted(body, tariff.currency, await lint_places(db, tariff, now), now)


async def lint_anywhere(
    db: AsyncSession,
    organization_id: UUID,
    currency: str,
    body: Mapping[str, Any],
    *,
    now: datetime,
) -> Linted:
    """As `lint_body`, of a tariff that is not there yet: nothing is known of its places."""
    return _linted(body, currency, [await no_place(db, organization_id, now)], now)


def _linted(
    body: Mapping[str, Any], currency: str, places: Iterable[LintPlace], now: datetime
) -> Linted:
    try:
        parsed = read_body(body, currency=currency, now=now)
    except TariffInvalid as problem:
        return Linted(tariff=None, problem=problem)
    findings: dict[Finding, None] = {}
    for place in places:
        findings |= dict.fromkeys(lint_tariff(parsed, place))
    return Linted(tariff=parsed, problem=None, findings=tuple(findings))


async def checked(
    db: AsyncSession,
    tariff: Tariff,
    body: Mapping[str, Any],
    *,
    now: datetime,
    name: str = DRAFT_NAME,
) -> tuple[TariffVersion, tuple[Finding, ...]]:
    """A tariff that may be published, and advice. Raises TariffInvalid, Invalid (what blocks)."""
    linted = await lint_for(db, tariff, body, now=now)
    if linted.tariff is None:
        raise linted.problem or TariffInvalid("tariff", "", "use OCPI's form")
    for finding in linted.findings:
        if finding.severity is Severity.BLOCK:
            raise Invalid("elements", finding.code, finding.detail)
    named = read_body(body, currency=tariff.currency, now=now, name=name)
    return named, linted.findings


def read_body(
    body: Mapping[str, Any], *, currency: str, now: datetime, name: str = DRAFT_NAME
) -> TariffVersion:
    """The tariff that a body means: in its tariff's currency, its holidays written out.

    Raises TariffInvalid.
    """
    if body.get("currency", currency) != currency:
        raise TariffInvalid("currency", body["currency"], f"leave it out, or use {currency}")
    parsed = tariff_from_json({**body, "id": name, "currency": currency})
    if parsed.holiday_calendar is None:
        return parsed
    years = range(now.year, now.year + HOLIDAY_YEARS_AHEAD + 1)
    try:
        days = holiday_dates(parsed.holiday_calendar, years)
    except Invalid as refused:
        raise TariffInvalid("holiday_calendar", parsed.holiday_calendar, refused.expected) from None
    return replace(parsed, holidays=days)
