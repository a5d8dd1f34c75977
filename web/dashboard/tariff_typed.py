"""A draft as somebody has typed it: the form or the expert's JSON, and what belongs to it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from holdfast.domain.finding import Severity
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.domain.time_zone import UnknownZone, time_zone
from holdfast.store.tables import TariffDraft
from web.dashboard.tariff_form import (
    TariffFields,
    body_of,
    body_text,
    fields_of,
    read_body_text,
    read_fields,
)
from web.dashboard.tariff_problems import Said, problem_said

NOTE_LENGTH_MAX = 2_000
YEAR_MIN, YEAR_MAX = 2020, 2200
REVISION = re.compile(r"[0-9]{1,9}")
WHEN_SLOT = "said-when"

Mode = Literal["form", "json"]


@dataclass(slots=True, kw_only=True)
class Typed:
    """`body` is None where the JSON cannot be read, and then `problem` says why.

    `valid_from` and `zone` are text as typed: a local time, and the zone whose clock it is of.
    """

    mode: Mode
    fields: TariffFields
    text: str
    body: dict[str, object] | None
    problem: Said | None
    valid_from: str
    zone: str
    note: str
    revision: int


def typed_draft(draft: TariffDraft, *, mode: Mode, zone: str) -> Typed:
    """A draft as it is stored. A body that the form cannot show is shown as JSON."""
    body = dict(draft.body)
    try:
        fields = fields_of(body)
    except TariffInvalid:
        fields, mode = TariffFields(), "json"
    return Typed(
        mode=mode,
        fields=fields,
        text=body_text(body),
        body=body,
        problem=None,
        valid_from=local_text(draft.valid_from, zone),
        zone=zone,
        note=draft.note or "",
        revision=draft.revision,
    )


def read_typed(form: Mapping[str, str], *, zone: str) -> Typed:
    """What was posted. `zone` is taken where the form names none that exists."""
    mode: Mode = "json" if form.get("mode") == "json" else "form"
    fields, text = read_fields(form), form.get("json", "")
    body: dict[str, object] | None = None
    problem = None
    if mode == "form":
        body = body_of(fields)
    else:
        try:
            body = read_body_text(text)
        except TariffInvalid as error:
            problem = problem_said(error)
    revision = form.get("revision", "")
    return Typed(
        mode=mode,
        fields=fields,
        text=text,
        body=body,
        problem=problem,
        valid_from=form.get("valid_from", "").strip(),
        zone=known_zone(form.get("valid_zone", ""), zone),
        note=form.get("note", "").strip()[:NOTE_LENGTH_MAX],
        revision=int(revision) if REVISION.fullmatch(revision) else 0,
    )


def switch(typed: Typed, mode: Mode) -> Said | None:
    """Show the same body the other way. What stands in the way, if it cannot be done."""
    if typed.mode == mode:
        return None
    if mode == "json":
        typed.text, typed.mode = body_text(typed.body or {}), mode
        return None
    if typed.body is None:
        return typed.problem
    try:
        typed.fields = fields_of(typed.body)
    except TariffInvalid as error:
        return problem_said(error)
    typed.mode = mode
    return None


def instant_of(typed: Typed) -> datetime | Said | None:
    """When it is to come into force; None: at once."""
    if not typed.valid_from:
        return None
    try:
        local = datetime.fromisoformat(typed.valid_from)
    except ValueError:
        local = None
    if local is None or local.tzinfo or not YEAR_MIN <= local.year <= YEAR_MAX:
        return Said(
            slot=WHEN_SLOT,
            field="valid_from",
            place="In force from",
            text=f"“{typed.valid_from[:40]}”: use a date and a time, or leave it empty",
            severity=Severity.BLOCK,
        )
    return local.replace(tzinfo=ZoneInfo(typed.zone)).astimezone(UTC)


def local_text(at: datetime | None, zone: str) -> str:
    """As an input of type datetime-local wants it."""
    return "" if at is None else at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")


def known_zone(name: str, otherwise: str) -> str:
    """The zone, if there is one of that name."""
    try:
        return name if name and time_zone(name) else otherwise
    except UnknownZone:
        return otherwise
