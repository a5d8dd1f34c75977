"""Quirks of models: the rules, and what holds for a station."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from api.routes.fields import Identity, Input, Line, Output
from holdfast.domain.quirks import MEANINGS, PATTERN_LENGTH_MAX, Quirk, Rule
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.principal import NetworkWriter, Reader
from holdfast.services import audit, quirks
from holdfast.services.quirks import RuleSeen
from holdfast.store.tables import QuirkRule

router = APIRouter(tags=["quirks"], route_class=IdempotentRoute)

Pattern = Annotated[
    str,
    StringConstraints(min_length=1, max_length=PATTERN_LENGTH_MAX),
    Field(description="With * and ?, in upper or lower case."),
]
Firmware = Annotated[
    str,
    StringConstraints(min_length=1, max_length=PATTERN_LENGTH_MAX),
    Field(description="A pattern, or versions such as `>=6.0, <7`."),
]
Value = Annotated[
    bool | int | str,
    Field(description="Of the quirk's kind; false: these stations do not have the quirk."),
]


class RuleShown(Output):
    """A rule. `id` is null for a shipped one, whose `name` goes into `replaces`."""

    id: UUID | None
    name: str
    vendor: str
    model: str
    firmware: str
    quirk: str
    value: Any
    note: str | None
    source: str | None
    shipped: bool
    enabled: bool
    replaces: str | None


class RuleListed(RuleShown):
    """With the stations it matches, for how many it counts, and what replaces it."""

    replaced_by: UUID | None
    stations: int
    in_force: int


class Rules(Output):
    """Own rules, newest first, then the shipped ones. Never long: there is no next page."""

    items: list[RuleListed]
    next: None = None


class QuirkShown(Output):
    """A quirk of a station: what it does, what is done about it, and the rule that says so."""

    quirk: str
    value: Any
    does: str
    remedy: str
    rule: RuleShown


class StationQuirksShown(Output):
    """By what the station said at its last boot."""

    vendor: str | None
    model: str | None
    firmware_version: str | None
    quirks: list[QuirkShown]
    overruled: list[RuleShown]


class NewRule(Input):
    """`replaces` names a shipped rule that this one stands in for: what is left out is as there,
    and with `enabled` false it is switched off."""

    quirk: Quirk | None = None
    value: Value | None = None
    vendor: Pattern | None = None
    model: Pattern | None = None
    firmware: Firmware | None = None
    note: Line | None = None
    enabled: bool = True
    replaces: Line | None = None


class RuleChange(Input):
    """Only the fields that are sent are changed."""

    value: Value | None = None
    vendor: Pattern | None = None
    model: Pattern | None = None
    firmware: Firmware | None = None
    note: Line | None = None
    enabled: bool | None = None


@router.get("/quirk-rules")
async def list_quirk_rules(db: Db, reader: Reader) -> Rules:
    """All rules that hold for the organization's stations."""
    seen = await quirks.list_rules(db, reader.organization_id)
    return Rules(items=[_listed(one) for one in seen])


@router.post("/quirk-rules", status_code=201)
async def make_quirk_rule(new: NewRule, db: Db, writer: NetworkWriter) -> RuleShown:
    """Make a rule. Gateways heed it at once; see the reference for what waits for a connection."""
    values = new.model_dump()
    row = await quirks.create_rule(db, writer.organization_id, values)
    await _audit(db, writer, "create", row)
    return _own(row)


@router.get("/quirk-rules/{rule_id}")
async def read_quirk_rule(rule_id: UUID, db: Db, reader: Reader) -> RuleShown:
    """One of the organization's own rules."""
    return _own(await quirks.get_rule(db, reader.organization_id, rule_id))


@router.patch("/quirk-rules/{rule_id}")
async def change_quirk_rule(
    rule_id: UUID, change: RuleChange, db: Db, writer: NetworkWriter
) -> RuleShown:
    """Change a rule of the organization's own."""
    sent = change.model_dump(exclude_unset=True)
    values = {name: value for name, value in sent.items() if value is not None or name == "note"}
    row = await quirks.update_rule(db, writer.organization_id, rule_id, values)
    await _audit(db, writer, "change", row)
    return _own(row)


@router.delete("/quirk-rules/{rule_id}")
async def delete_quirk_rule(rule_id: UUID, db: Db, writer: NetworkWriter) -> RuleShown:
    """Take a rule away; a shipped one that it replaced holds again."""
    row = await quirks.delete_rule(db, writer.organization_id, rule_id)
    await _audit(db, writer, "delete", row)
    return _own(row)


@router.get("/stations/{identity}/quirks")
async def read_station_quirks(identity: Identity, db: Db, reader: Reader) -> StationQuirksShown:
    """What holds for a station, and why."""
    seen = await quirks.station_quirks(db, reader.organization_id, identity)
    station = seen.station
    return StationQuirksShown(
        vendor=station.vendor,
        model=station.model,
        firmware_version=station.firmware_version,
        quirks=[
            QuirkShown(
                quirk=quirk.value,
                value=rule.value,
                does=MEANINGS[quirk].does,
                remedy=MEANINGS[quirk].remedy,
                rule=_shown(rule),
            )
            for quirk, rule in seen.effective.items()
        ],
        overruled=[_shown(rule) for rule in seen.overruled],
    )


def _shown(rule: Rule) -> RuleShown:
    return RuleShown(
        id=None if rule.shipped else UUID(rule.name),
        name=rule.name,
        vendor=rule.vendor,
        model=rule.model,
        firmware=rule.firmware,
        quirk=rule.quirk.value,
        value=rule.value,
        note=rule.note or None,
        source=rule.source,
        shipped=rule.shipped,
        enabled=rule.enabled,
        replaces=rule.replaces,
    )


def _listed(seen: RuleSeen) -> RuleListed:
    return RuleListed(
        **_shown(seen.rule).model_dump(),
        replaced_by=seen.replaced_by,
        stations=seen.stations,
        in_force=seen.in_force,
    )


def _own(row: QuirkRule) -> RuleShown:
    return RuleShown(
        id=row.id,
        name=str(row.id),
        vendor=row.vendor,
        model=row.model,
        firmware=row.firmware,
        quirk=row.quirk,
        value=row.value,
        note=row.note,
        source=None,
        shipped=False,
        enabled=row.enabled,
        replaces=row.replaces,
    )


async def _audit(db: Db, writer: NetworkWriter, verb: str, row: QuirkRule) -> None:
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action=f"quirk_rule.{verb}",
        subject=f"quirk_rule:{row.id}",
        details={
            "quirk": row.quirk,
            "value": row.value,
            "vendor": row.vendor,
            "model": row.model,
            "firmware": row.firmware,
            "enabled": row.enabled,
        },
    )
