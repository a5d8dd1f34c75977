"""One tariff: its versions and drafts, where and for whom it applies, and what may be done."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from starlette.responses import Response

from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.templates import TEMPLATES
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.domain.time_zone import UnknownZone
from holdfast.services.scope import owned
from holdfast.services.slices import SliceAsked
from holdfast.services.tariff_drafts import list_drafts
from holdfast.services.tariff_versions import lives_of, versions_at
from holdfast.services.tariffs import get_tariff
from holdfast.store.tables import Site, Tariff, TariffDraft, TariffSimulation, TariffVersion
from web.dashboard.actors import key_names
from web.dashboard.tariff_audiences import CHOICES_MAX, audience_choices
from web.dashboard.tariff_curve import WeekCurve, week_curve
from web.dashboard.tariff_decisions import tariff_id_of
from web.dashboard.tariff_places import Applies, applies
from web.dashboard.tariff_states import DRAFT, VERSION
from web.dashboard.tariff_suggestions import station_identities
from web.dashboard.tariff_what_if import (
    Surroundings,
    context_of,
    first_day_of,
    read_asked,
    surroundings_of,
)
from web.dashboard.tariffs import notes_of, price_in_words
from web.visit import Visit
from web.wording import Badge, badge

VERSIONS_SHOWN = 50
DRAFTS_SHOWN = 20
PLACES_SHOWN, PLACES_MAX = 10, 500
UNDOABLE = timedelta(days=1)
"""So long the page offers to undo what was assigned at once; the API does at any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """A version. `open`: it may still be withdrawn or ended."""

    number: int
    badge: Badge
    valid_from: datetime
    ends_at: datetime | None
    why: str | None
    lines: tuple[str, ...]
    open: bool
    scheduled: bool
    withdrawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """A draft and who had a hand in it."""

    id: UUID
    badge: Badge
    revision: int
    valid_from: datetime | None
    note: str | None
    by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AtOnce:
    """What was assigned last, to several places at once, and still holds at so many."""

    at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffView:
    """The page, on the clock of `zone`. `sites` and `audiences` are what may be assigned,
    `stations` what is suggested. `curve`: seven days of the version in force, for whoever is in no
    group; None without one."""

    tariff: Tariff
    zone: str
    retired: bool
    versions: tuple[VersionLine, ...]
    versions_more: int
    drafts: tuple[DraftLine, ...]
    applies: tuple[Applies, ...]
    at_once: AtOnce | None
    simulations: int
    sites: tuple[tuple[str, str], ...]
    audiences: tuple[tuple[str, str], ...]
    stations: tuple[str, ...]
    curve: WeekCurve | None

    @property
    def currency(self) -> str:
        return self.tariff.currency


async def show_tariff(visit: Visit) -> Response:
    """GET /tariffs/{id}"""
    organization_id, now = visit.viewer.organization_id, visit.desk.pages.now()
    tariff = await get_tariff(visit.db, organization_id, tariff_id_of(visit))
    around = await surroundings_of(visit.db, organization_id, tariff.id)
    places = await applies(visit.db, organization_id, [tariff.id], now)
    versions, more = await _versions(visit, tariff, now)
    simulations = await visit.db.scalars(
        owned(TariffSimulation, organization_id)
        .where(TariffSimulation.tariff_id == tariff.id)
        .with_only_columns(TariffSimulation.id)
        .limit(100)
    )
    view = TariffView(
        tariff=tariff,
        zone=around.zone,
        retired=tariff.retired_at is not None,
        versions=versions,
        versions_more=more,
        drafts=await _drafts(visit, tariff),
        applies=places.get(tariff.id, ()),
        at_once=_at_once(places.get(tariff.id, ()), now),
        simulations=len(simulations.all()),
        sites=await _sites(visit, tariff),
        audiences=await audience_choices(visit.db, organization_id),
        stations=await station_identities(visit.db, organization_id),
        curve=await _curve(visit, tariff, around, now),
    )
    return visit.page(
        "tariff.html", view=view, templates=TEMPLATES, listed=(PLACES_SHOWN, PLACES_MAX)
    )


def _at_once(places: tuple[Applies, ...], now: datetime) -> AtOnce | None:
    if not places:
        return None
    last = max(item.since for item in places)
    count = sum(item.since == last for item in places)
    return AtOnce(at=last, count=count) if count > 1 and now - last < UNDOABLE else None


async def _curve(
    visit: Visit, tariff: Tariff, around: Surroundings, now: datetime
) -> WeekCurve | None:
    row = (await versions_at(visit.db, tariff.organization_id, [tariff.id], now)).get(tariff.id)
    if row is None:
        return None
    asked = read_asked({}, around, now)
    try:
        version = tariff_from_json(row.body)
        context = await context_of(visit.db, tariff, version, asked, around, now)
        return week_curve(version, context, first_day_of(asked, context.zone, now))
    except (TariffInvalid, UnknownZone, ValueError):
        return None  # its words, or their absence, tell as much as can be told


async def _versions(
    visit: Visit, tariff: Tariff, now: datetime
) -> tuple[tuple[VersionLine, ...], int]:
    lives = await lives_of(visit.db, tariff, now)
    rows = await visit.db.scalars(
        owned(TariffVersion, tariff.organization_id)
        .where(TariffVersion.tariff_id == tariff.id)
        .order_by(TariffVersion.number.desc())
        .limit(VERSIONS_SHOWN)
    )
    names = await key_names(
        visit.db,
        tariff.organization_id,
        [life.ended_by for life in lives.values() if life.ended_by],
    )
    lines = []
    for row in rows:
        life = lives[row.number]
        why = None
        if life.ended_by is not None:
            why = names.get(life.ended_by, life.ended_by)
            why += f": {life.reason}" if life.reason else ""
        lines.append(
            VersionLine(
                number=row.number,
                badge=badge(VERSION, life.state.value),
                valid_from=row.valid_from,
                ends_at=life.ends_at,
                why=why,
                lines=await _lines(visit, row, max(now, row.valid_from)),
                open=life.ends_at is None and life.state.value in ("scheduled", "in_force"),
                scheduled=life.state.value == "scheduled",
                withdrawn=life.state.value == "withdrawn" and life.ends_at is not None,
            )
        )
    return tuple(lines), max(0, len(lives) - len(lines))


async def _lines(visit: Visit, row: TariffVersion, at: datetime) -> tuple[str, ...]:
    """All that a version says of its price; none where it cannot be told in words."""
    try:
        version = tariff_from_json(row.body)
    except (TariffInvalid, ValueError):
        return ()
    text = await price_in_words(visit.db, row.organization_id, version, "UTC", at)
    return (*(line.text for line in text.lines), *text.notes, *notes_of(version))


async def _drafts(visit: Visit, tariff: Tariff) -> tuple[DraftLine, ...]:
    part = await list_drafts(
        visit.db,
        tariff.organization_id,
        SliceAsked(limit=DRAFTS_SHOWN),
        tariff_id=tariff.id,
        states=("draft", "review", "discarded"),
    )
    rows: list[TariffDraft] = part.items
    names = await key_names(visit.db, tariff.organization_id, [row.changed_by for row in rows])
    lines = [
        DraftLine(
            id=row.id,
            badge=badge(DRAFT, row.state),
            revision=row.revision,
            valid_from=row.valid_from,
            note=row.note,
            by=names.get(row.changed_by, row.changed_by),
            changed_at=row.changed_at,
        )
        for row in rows
    ]
    return tuple(lines)


async def _sites(visit: Visit, tariff: Tariff) -> tuple[tuple[str, str], ...]:
    """Sites of the tariff's currency: it cannot apply elsewhere."""
    rows = await visit.db.execute(
        owned(Site, tariff.organization_id)
        .where(Site.retired_at.is_(None), Site.currency == tariff.currency)
        .with_only_columns(Site.id, Site.name)
        .order_by(Site.name)
        .limit(CHOICES_MAX)
    )
    return (("", "All sites"), *((str(id_), name) for id_, name in rows))
