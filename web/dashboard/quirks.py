"""Quirks of models: the rules with the stations they match, and what holds for one station."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.responses import Response

from holdfast.domain.quirks import MEANINGS, Meaning, Quirk, Rule
from holdfast.services import audit, quirks
from holdfast.services.quirks import RuleSeen
from holdfast.services.refusal import Invalid, NotFound
from holdfast.store.tables import QuirkRule
from web.live_page import bounded, uuid_or_none
from web.visit import Visit, back_to

UNITS = {"seconds": "s", "volts": "V", "multiplier": "times", "flag": "", "separator": ""}
PATTERNS = ("vendor", "model", "firmware")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """A rule for people. `id` is None for a shipped one."""

    id: UUID | None
    name: str
    quirk: str
    meaning: Meaning
    value: str
    patterns: tuple[tuple[str, str], ...]
    note: str
    source: str | None
    shipped: bool
    enabled: bool
    replaces: str | None
    replaced: bool
    stations: int
    in_force: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StationQuirk:
    """A quirk of one station and the rule that says so."""

    quirk: str
    meaning: Meaning
    value: str
    rule: RuleLine


async def show_quirks(visit: Visit) -> Response:
    """GET /quirks"""
    asked = bounded(visit.request.query_params)
    seen = await quirks.list_rules(visit.db, visit.viewer.organization_id)
    lines = [_line(one) for one in seen if _is_asked(one.rule, asked)]
    return visit.page("quirks.html", lines=lines, asked=asked, meanings=_meanings())


async def show_station_quirks(visit: Visit) -> Response:
    """GET /stations/{identity}/quirks"""
    identity = visit.request.path_params["identity"]
    seen = await quirks.station_quirks(visit.db, visit.viewer.organization_id, identity)
    lines = tuple(
        StationQuirk(
            quirk=quirk.value,
            meaning=MEANINGS[quirk],
            value=_value(rule),
            rule=_rule_line(rule),
        )
        for quirk, rule in seen.effective.items()
    )
    return visit.page(
        "station_quirks.html",
        station=seen.station,
        lines=lines,
        overruled=tuple(_rule_line(rule) for rule in seen.overruled),
    )


DONE = {
    "enable": "The rule is on.",
    "disable": "The rule is off.",
    "delete": "The rule was deleted.",
}


async def add_rule(visit: Visit) -> Response:
    """POST /quirks"""
    form = visit.form
    quirk = form.get("quirk", "")
    if quirk not in set(Quirk):
        raise Invalid("quirk", quirk, "choose one of the list")
    values: dict[str, Any] = {name: form.get(name, "").strip() or "*" for name in PATTERNS}
    values |= {
        "quirk": quirk,
        "value": _read_value(Quirk(quirk), form.get("value", "").strip()),
        "note": form.get("note", "").strip()[:500] or None,
    }
    row = await quirks.create_rule(visit.db, visit.viewer.organization_id, values)
    await _audit(visit, "create", row)
    return back_to("/quirks", "The rule was added.")


async def switch_off_shipped(visit: Visit) -> Response:
    """POST /quirks/shipped/{name}/disable: an own rule stands in its place, switched off."""
    values = {"replaces": visit.request.path_params["name"], "enabled": False}
    row = await quirks.create_rule(visit.db, visit.viewer.organization_id, values)
    await _audit(visit, "create", row)
    return back_to("/quirks", DONE["disable"])


async def decide_rule(visit: Visit) -> Response:
    """POST /quirks/{id}/{decision}: enable, disable or delete."""
    rule_id = uuid_or_none(visit.request.path_params["id"])
    decision = visit.request.path_params["decision"]
    if rule_id is None or decision not in ("enable", "disable", "delete"):
        raise NotFound("quirk rule", visit.request.path_params["id"])
    organization_id = visit.viewer.organization_id
    if decision == "delete":
        row = await quirks.delete_rule(visit.db, organization_id, rule_id)
    else:
        change = {"enabled": decision == "enable"}
        row = await quirks.update_rule(visit.db, organization_id, rule_id, change)
    await _audit(visit, "delete" if decision == "delete" else "change", row)
    return back_to("/quirks", DONE[decision])


def _read_value(quirk: Quirk, written: str) -> Any:
    """What a form's text says: of a flag and of a number the thing itself."""
    kind = MEANINGS[quirk].value
    if written.casefold() in ("no", "false"):
        return False
    if kind == "flag":
        if written.casefold() in ("", "yes", "true"):
            return True
        raise Invalid("value", written, "write yes or no")
    if kind in ("seconds", "volts"):
        if not written.isascii() or not written.isdigit() or len(written) > 9:
            raise Invalid("value", written, f"write whole {kind}")
        return int(written)
    return written


def _is_asked(rule: Rule, asked: Mapping[str, str]) -> bool:
    text = asked.get("q", "").casefold()
    told = " ".join((rule.quirk, rule.vendor, rule.model, rule.firmware, rule.note)).casefold()
    return text in told and asked.get("quirk", rule.quirk) == rule.quirk


def _line(seen: RuleSeen) -> RuleLine:
    return _rule_line(
        seen.rule,
        replaced=seen.replaced_by is not None,
        stations=seen.stations,
        in_force=seen.in_force,
    )


def _rule_line(
    rule: Rule, *, replaced: bool = False, stations: int = 0, in_force: int = 0
) -> RuleLine:
    named = tuple((name, getattr(rule, name)) for name in PATTERNS if getattr(rule, name) != "*")
    return RuleLine(
        id=None if rule.shipped else UUID(rule.name),
        name=rule.name,
        quirk=rule.quirk.value,
        meaning=MEANINGS[rule.quirk],
        value=_value(rule),
        patterns=named,
        note=rule.note,
        source=rule.source,
        shipped=rule.shipped,
        enabled=rule.enabled,
        replaces=rule.replaces,
        replaced=replaced,
        stations=stations,
        in_force=in_force,
    )


def _value(rule: Rule) -> str:
    if isinstance(rule.value, bool):
        return "yes" if rule.value else "no"
    written = rule.value if isinstance(rule.value, str) else json.dumps(rule.value)
    return f"{written} {UNITS[MEANINGS[rule.quirk].value]}".strip()


def _meanings() -> tuple[tuple[str, Meaning], ...]:
    return tuple((quirk.value, meaning) for quirk, meaning in MEANINGS.items())


async def _audit(visit: Visit, verb: str, row: QuirkRule) -> None:
    await audit.record(
        visit.db,
        visit.viewer.organization_id,
        actor=visit.viewer.actor,
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
