"""Rules of quirks: those that are shipped, an organization's own, and what holds for a station."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import QUIRKS_CHANNEL
from holdfast.domain.quirk_rules import SHIPPED
from holdfast.domain.quirks import (
    BadRule,
    Described,
    Quirk,
    Rule,
    checked_pattern,
    checked_value,
    effective,
)
from holdfast.services.refusal import Conflict, Invalid, TooMany
from holdfast.services.scope import belongs, find, owned
from holdfast.services.stations import find_station
from holdfast.store.tables import QuirkRule, Station

RULES_MAX = 200
MODELS_MAX = 5_000
PATTERNS = ("vendor", "model", "firmware")
_KNOWN = frozenset(quirk.value for quirk in Quirk)
_SHIPPED = {rule.name: rule for rule in SHIPPED}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSeen:
    """A rule as it stands: `row` is None for a shipped one, `replaced_by` the id of the own rule
    in its place. `stations`: how many stations it matches, `in_force` for how many it counts."""

    rule: Rule
    row: QuirkRule | None
    replaced_by: UUID | None
    stations: int
    in_force: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StationQuirks:
    """What a station said of itself, its quirks with the rules that say so, and the rules that
    match it and do not count."""

    station: Station
    effective: dict[Quirk, Rule]
    overruled: tuple[Rule, ...]


async def list_rules(db: AsyncSession, organization_id: UUID) -> list[RuleSeen]:
    """The organization's own, newest first, then those that are shipped."""
    rows = await _rows(db, organization_id)
    replaced = {row.replaces: row.id for row in rows if row.replaces is not None}
    rules = [(_rule(row), row) for row in rows]
    everything: list[tuple[Rule, QuirkRule | None]] = [*rules, *((rule, None) for rule in SHIPPED)]
    standing = [rule for rule, _ in everything]
    matched: dict[str, int] = {}
    counting: dict[str, int] = {}
    for described, stations in await _models(db, organization_id):
        for rule in standing:
            if rule.matches(described):
                matched[rule.name] = matched.get(rule.name, 0) + stations
        for rule in effective(standing, described).values():
            counting[rule.name] = counting.get(rule.name, 0) + stations
    return [
        RuleSeen(
            rule=rule,
            row=row,
            replaced_by=replaced.get(rule.name),
            stations=matched.get(rule.name, 0),
            in_force=counting.get(rule.name, 0),
        )
        for rule, row in everything
    ]


async def create_rule(
    db: AsyncSession, organization_id: UUID, values: Mapping[str, Any]
) -> QuirkRule:
    """`values`: vendor, model, firmware, quirk, value, note, enabled, replaces. What a rule that
    replaces a shipped one leaves out is as there. Raises Invalid, Conflict, TooMany."""
    kept = dict(values)
    shipped = None
    if kept.get("replaces") is not None:
        shipped = _SHIPPED.get(kept["replaces"])
        if shipped is None:
            raise Invalid("replaces", kept["replaces"], "name a rule that is shipped")
        # Two requests at once: the later one waits here, and then finds the first one's row.
        await _lock(db, organization_id)
        taken = await db.scalar(
            select(QuirkRule.id).where(
                belongs(QuirkRule, organization_id), QuirkRule.replaces == shipped.name
            )
        )
        if taken is not None:
            raise Conflict(f"the rule {taken} replaces it already: change that one")
        if kept.get("quirk") not in (None, shipped.quirk.value):
            raise Invalid("quirk", kept["quirk"], f"the rule it replaces is of {shipped.quirk}")
        kept = {
            "quirk": shipped.quirk.value,
            "value": shipped.value,
            "note": shipped.note,
            **{name: getattr(shipped, name) for name in PATTERNS},
            **{name: value for name, value in kept.items() if value is not None},
        }
    count = await db.scalar(
        select(func.count()).select_from(QuirkRule).where(belongs(QuirkRule, organization_id))
    )
    if (count or 0) >= RULES_MAX:
        raise TooMany(f"an organization has at most {RULES_MAX} rules of its own")
    row = await db.scalars(
        insert(QuirkRule)
        .values(organization_id=organization_id, **_checked(kept))
        .returning(QuirkRule)
    )
    await _tell(db)
    return row.one()


async def get_rule(db: AsyncSession, organization_id: UUID, rule_id: UUID) -> QuirkRule:
    """One of its own. Raises NotFound."""
    return await find(db, QuirkRule, organization_id, rule_id, "quirk rule")


async def update_rule(
    db: AsyncSession, organization_id: UUID, rule_id: UUID, values: Mapping[str, Any]
) -> QuirkRule:
    """Change the given columns. Raises NotFound, Invalid."""
    row = await find(db, QuirkRule, organization_id, rule_id, "quirk rule", lock=True)
    now = {name: getattr(row, name) for name in (*PATTERNS, "quirk", "value")}
    if row.replaces is not None and values.get("quirk", row.quirk) != row.quirk:
        raise Invalid("quirk", values["quirk"], f"the rule it replaces is of {row.quirk}")
    for name, value in _checked(now | dict(values)).items():
        setattr(row, name, value)
    row.changed_at = datetime.now(UTC)
    await db.flush()
    await _tell(db)
    return row


async def delete_rule(db: AsyncSession, organization_id: UUID, rule_id: UUID) -> QuirkRule:
    """The rule as it was. Where it replaced a shipped one, that holds again. Raises NotFound."""
    row = await find(db, QuirkRule, organization_id, rule_id, "quirk rule", lock=True)
    await db.execute(
        delete(QuirkRule).where(belongs(QuirkRule, organization_id), QuirkRule.id == rule_id)
    )
    await _tell(db)
    return row


async def station_quirks(db: AsyncSession, organization_id: UUID, identity: str) -> StationQuirks:
    """By what the station last said of itself. Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    described = Described(
        vendor=station.vendor, model=station.model, firmware=station.firmware_version
    )
    rules = (*SHIPPED, *(_rule(row) for row in await _rows(db, organization_id)))
    found = effective(rules, described)
    counting = {rule.name for rule in found.values()}
    return StationQuirks(
        station=station,
        effective=found,
        overruled=tuple(
            rule for rule in rules if rule.name not in counting and rule.matches(described)
        ),
    )


async def _rows(db: AsyncSession, organization_id: UUID) -> Sequence[QuirkRule]:
    rows = await db.scalars(
        owned(QuirkRule, organization_id).order_by(QuirkRule.id.desc()).limit(RULES_MAX)
    )
    # A newer version's quirks are not known here (an upgrade that is under way).
    return [row for row in rows if row.quirk in _KNOWN]


async def _models(db: AsyncSession, organization_id: UUID) -> list[tuple[Described, int]]:
    """Each model with its firmware, and how many stations there are of it."""
    columns = (Station.vendor, Station.model, Station.firmware_version)
    rows = await db.execute(
        owned(Station, organization_id)
        .where(Station.retired_at.is_(None))
        .with_only_columns(*columns, func.count())
        .group_by(*columns)
        .order_by(func.count().desc())
        .limit(MODELS_MAX)
    )
    return [(Described(vendor=row[0], model=row[1], firmware=row[2]), row[3]) for row in rows]


def _rule(row: QuirkRule) -> Rule:
    return Rule(
        name=str(row.id),
        quirk=Quirk(row.quirk),
        value=row.value,
        vendor=row.vendor,
        model=row.model,
        firmware=row.firmware,
        note=row.note or "",
        enabled=row.enabled,
        replaces=row.replaces,
    )


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """What may be written. Raises Invalid."""
    try:
        quirk = Quirk(values["quirk"])
    except ValueError:
        raise Invalid("quirk", values["quirk"], f"use one of {', '.join(Quirk)}") from None
    checked = {**values, "quirk": quirk.value}
    try:
        checked["value"] = checked_value(quirk, values["value"])
        for name in PATTERNS:
            checked[name] = checked_pattern(name, values.get(name) or "*")
    except BadRule as bad:
        raise Invalid(bad.field, values.get(bad.field), str(bad)) from None
    if all(checked[name] == "*" for name in PATTERNS):
        raise Invalid("vendor", "*", "name a vendor, a model or a firmware: not every station")
    return checked


async def _lock(db: AsyncSession, organization_id: UUID) -> None:
    await db.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('quirk_rules'), hashtext(:organization))"),
        {"organization": str(organization_id)},
    )


async def _tell(db: AsyncSession) -> None:
    """Gateways read the rules anew, after the commit."""
    await db.execute(text("SELECT pg_notify(:channel, '')"), {"channel": QUIRKS_CHANNEL})
