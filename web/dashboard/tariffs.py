"""Tariffs: their states, what they cost in a line, where and for whom they apply."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, not_
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.tariff.display import shown_price
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.templates import BY_KEY, TEMPLATES
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.domain.tariff.version import TariffVersion as Version
from holdfast.services import audit
from holdfast.services.price_words.price_text import PriceText, price_text
from holdfast.services.public_prices import display_context
from holdfast.services.refusal import Invalid
from holdfast.services.scope import owned
from holdfast.services.slices import SliceAsked, take_rows
from holdfast.services.tariff_drafts import create_draft
from holdfast.services.tariff_versions import versions_at
from holdfast.services.tariffs import create_tariff
from holdfast.store.tables import Site, Tariff, TariffDraft, TariffVersion
from holdfast.store.tables.tariffs import TariffVersionEnd
from web.dashboard.lists import Listed
from web.dashboard.tariff_places import Applies, applies
from web.dashboard.tariff_states import NO_VERSION, VERSION
from web.dashboard.tariff_what_if import surroundings_of
from web.live_page import bounded, uuid_or_none
from web.visit import Visit, back_to
from web.wording import RETIRED, Badge

PER_PAGE = 50
NAME_LENGTH_MAX = 100
DISPLAY_LANGUAGE = "en-GB"  # the dashboard has a day of 24 hours
IN_REVIEW = Badge("In review", "wait", "clock")
DRAFTED = Badge("Draft", "busy", "tag")
STATES = (
    ("in_force", "In force"),
    ("scheduled", "Scheduled"),
    ("review", "In review"),
    ("draft", "Being written"),
    ("retired", "Retired"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffLine:
    """A tariff of the list. `price`: a line per component, none where no version is in force."""

    id: UUID
    name: str
    currency: str
    badges: tuple[Badge, ...]
    version: int | None
    valid_from: datetime | None
    price: tuple[str, ...]
    applies: tuple[Applies, ...]


async def show_tariffs(visit: Visit) -> Response:
    """GET /tariffs"""
    organization_id, now = visit.viewer.organization_id, visit.desk.pages.now()
    known = bounded(visit.request.query_params)
    asked: dict[str, str] = {
        name: known[name] for name in ("q", "state", "before") if name in known
    }
    states = _states(now)
    found = owned(Tariff, organization_id).add_columns(*states.values())
    if asked.get("state") in states:
        found = found.where(states[asked["state"]])
    if "q" in asked:
        found = found.where(Tariff.name.icontains(asked["q"], autoescape=True))
    part = await take_rows(
        visit.db,
        found,
        Tariff.id,
        SliceAsked(limit=PER_PAGE, after=uuid_or_none(asked.get("before"))),
        newest_first=True,
    )
    ids = [row[0].id for row in part.items]
    versions = await versions_at(visit.db, organization_id, ids, now)
    places = await applies(visit.db, organization_id, ids, now)
    lines = []
    for row in part.items:
        version = versions.get(row[0].id)
        text = None
        if version is not None:
            text = await price_of(visit.db, organization_id, version.body, now)
        holding = dict(zip(states, row[1:], strict=False))
        lines.append(_line(row[0], holding, version, places.get(row[0].id, ()), text))
    return visit.page(
        "tariffs.html",
        view=Listed(lines=tuple(lines), next=part.next, asked=asked),
        states=STATES,
        templates=TEMPLATES,
        currency=await _currency(visit),
    )


async def add_tariff(visit: Visit) -> Response:
    """POST /tariffs: a tariff with a first draft, begun from a template."""
    organization_id, actor = visit.viewer.organization_id, visit.viewer.actor
    name = visit.form.get("name", "").strip()
    if not 1 <= len(name) <= NAME_LENGTH_MAX:
        raise Invalid("name", name, f"use 1 to {NAME_LENGTH_MAX} characters")
    template = BY_KEY.get(visit.form.get("template", ""))
    if template is None:
        raise Invalid("template", visit.form.get("template", ""), "choose one of the list")
    tariff = await create_tariff(
        visit.db,
        organization_id,
        name=name,
        currency=visit.form.get("currency", "").strip().upper(),
    )
    await audit.record(
        visit.db,
        organization_id,
        actor=actor,
        action="tariff.create",
        subject=f"tariff:{tariff.id}",
        details={"name": tariff.name, "currency": tariff.currency},
    )
    around = await surroundings_of(visit.db, organization_id, tariff.id)
    body = around.begun_with(template)
    draft = await create_draft(visit.db, organization_id, tariff.id, actor=actor, body=body)
    await audit.record(
        visit.db,
        organization_id,
        actor=actor,
        action="tariff_draft.create",
        subject=f"tariff_draft:{draft.id}",
        details={"tariff": str(tariff.id), "template": template.key},
    )
    return back_to(f"/tariffs/{tariff.id}/drafts/{draft.id}", f"{tariff.name}: a first draft.")


async def price_of(
    db: AsyncSession, organization_id: UUID, body: Mapping[str, Any], at: datetime
) -> PriceText | None:
    """What a version's body costs at an instant, in words; None where it cannot be told."""
    try:
        tariff = tariff_from_json(body)
    except (TariffInvalid, ValueError):
        return None
    return await price_in_words(db, organization_id, tariff, "UTC", at)


async def price_in_words(
    db: AsyncSession, organization_id: UUID, tariff: Version, zone: str, at: datetime
) -> PriceText:
    """What a tariff costs whoever is in no group, in the dashboard's language.

    A market's price is the market's, as far as it is known: as drivers are shown it.
    """
    compiled = compile_tariff(tariff)
    context = await display_context(db, organization_id, compiled, zone=zone, at=at)
    return price_text(shown_price(compiled, context, at), DISPLAY_LANGUAGE)


def notes_of(tariff: Version) -> tuple[str, ...]:
    """What an operator has to know beside the words for the public: who pays otherwise."""
    keys = dict.fromkeys(
        key
        for element in tariff.elements
        if element.restrictions is not None
        for key in element.restrictions.user_groups or ()
    )
    return (f"Members of {', '.join(keys)} have prices of their own.",) if keys else ()


def _states(now: datetime) -> dict[str, ColumnElement[bool]]:
    """Conditions on a tariff, by state; more than one may hold."""
    ended = exists().where(
        TariffVersionEnd.version_id == TariffVersion.id, TariffVersionEnd.ends_at <= now
    )
    retired = and_(Tariff.retired_at.is_not(None), Tariff.retired_at <= now)
    version = TariffVersion.tariff_id == Tariff.id

    def with_draft(state: str) -> ColumnElement[bool]:
        return exists().where(TariffDraft.tariff_id == Tariff.id, TariffDraft.state == state)

    return {
        "in_force": and_(
            not_(retired), exists().where(version, TariffVersion.valid_from <= now, ~ended)
        ),
        "scheduled": and_(
            not_(retired), exists().where(version, TariffVersion.valid_from > now, ~ended)
        ),
        "review": with_draft("review"),
        "draft": with_draft("draft"),
        "retired": retired,
    }


def _line(
    tariff: Tariff,
    states: Mapping[str, bool],
    version: TariffVersion | None,
    places: tuple[Applies, ...],
    text: PriceText | None,
) -> TariffLine:
    badges = [
        badge
        for state, badge in (
            ("retired", RETIRED),
            ("in_force", VERSION["in_force"]),
            ("scheduled", VERSION["scheduled"]),
            ("review", IN_REVIEW),
            ("draft", DRAFTED),
        )
        if states[state]
    ]
    return TariffLine(
        id=tariff.id,
        name=tariff.name,
        currency=tariff.currency,
        badges=tuple(badges) or (NO_VERSION,),
        version=None if version is None else version.number,
        valid_from=None if version is None else version.valid_from,
        price=() if text is None else tuple(line.text for line in text.lines),
        applies=places,
    )


async def _currency(visit: Visit) -> str:
    """That of the first site: the likely one of a new tariff."""
    code = await visit.db.scalar(
        owned(Site, visit.viewer.organization_id)
        .where(Site.retired_at.is_(None))
        .with_only_columns(Site.currency)
        .order_by(Site.id)
        .limit(1)
    )
    return code or "EUR"
