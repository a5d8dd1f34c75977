"""One tariff for many places: pick them, see what changes, say yes; and undo it.

Picking, looking and assigning are one form that is posted whole and works without a script. What
was looked at is what is done: where something changed meanwhile, it is shown again instead.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from sqlalchemy import func, or_
from starlette.responses import Response

from holdfast.services.assignment_batches import (
    PLACES_MAX,
    Unassignable,
    assign_many,
    end_many,
    preview_many,
)
from holdfast.services.assignment_plans import Outcome, Plan, Scope
from holdfast.services.refusal import Conflict, Invalid, TooMany
from holdfast.services.scope import owned
from holdfast.services.tariffs import get_tariff
from holdfast.store.tables import Site, Station, Tariff, TariffAssignment
from web.dashboard.tariff_audiences import Choices, audience_choices, read_audience
from web.dashboard.tariff_decisions import tariff_id_of
from web.dashboard.tariff_picked import Picked, read_picked
from web.visit import Visit, back_to

FOUND_MAX = 100
LOOKED_AT = "looked_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A place to tick: the name of its field, its words, and whether it is ticked."""

    name: str
    word: str
    more: str
    ticked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLine:
    """A place of the preview: what applies there for the same drivers until now, or what is wrong
    with it."""

    place: str
    now: str
    outcome: Outcome | None
    wrong: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would change. `mark` is the same as long as the same would change. `kept`: stations of
    the sites that have a tariff of their own."""

    plan: Plan
    lines: tuple[PlanLine, ...]
    mark: str
    kept: int

    @property
    def getting(self) -> int:
        """How many places get the tariff."""
        return self.new + self.replacing

    @property
    def new(self) -> int:
        return self.plan.count(Outcome.NEW)

    @property
    def replacing(self) -> int:
        return self.plan.count(Outcome.REPLACES)

    @property
    def having(self) -> int:
        return self.plan.count(Outcome.UNCHANGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssigningView:
    """The page: what was picked, and either what was found or what would change."""

    tariff: Tariff
    picked: Picked
    audiences: Choices
    boxes: tuple[Box, ...]
    found: tuple[Box, ...]
    found_more: int
    preview: Preview | None
    told: str | None
    places_max: int = PLACES_MAX

    @property
    def audience(self) -> str:
        """For whom, in words."""
        return dict(self.audiences).get(self.picked.audience, "nobody known")


async def show_assigning(visit: Visit) -> Response:
    """GET /tariffs/{id}/assign"""
    tariff = await _tariff(visit)
    return await _pick(visit, tariff, read_picked(visit.form))


async def post_assigning(visit: Visit) -> Response:
    """POST /tariffs/{id}/assign: look for places, see what changes, or do it."""
    tariff, picked = await _tariff(visit), read_picked(visit.form)
    wish = visit.form.get("wish", "search")
    if wish not in ("preview", "leave-out", "assign"):
        return await _pick(visit, tariff, picked)
    if not picked.places:
        return await _pick(visit, tariff, picked, told="Choose at least one place.")
    try:
        wanted = picked.wanted(tariff.id, read_audience(picked.audience))
        plan = await preview_many(visit.db, tariff.organization_id, wanted)
        if wish == "leave-out" and plan.faults:
            picked = picked.without(fault.index for fault in plan.faults)
            wanted = picked.wanted(tariff.id, read_audience(picked.audience))
            plan = await preview_many(visit.db, tariff.organization_id, wanted)
        preview = await _preview(visit, picked, plan)
        if wish != "assign":
            return await _pick(visit, tariff, picked, preview=preview)
        if visit.form.get(LOOKED_AT) != preview.mark:
            told = "Something changed meanwhile. Look again before you assign it."
            return await _pick(visit, tariff, picked, preview=preview, told=told)
        await assign_many(
            visit.db,
            tariff.organization_id,
            wanted,
            actor=visit.viewer.actor,
            now=visit.desk.pages.now(),
        )
    except (Unassignable, TooMany, Invalid) as refused:
        return await _pick(visit, tariff, picked, told=f"Nothing was changed: {refused}.")
    return back_to(f"/tariffs/{tariff.id}", _said(preview))


async def undo(visit: Visit) -> Response:
    """POST /tariffs/{id}/assignments/undo: what began at one instant ends, and what it replaced
    applies again. Raises Conflict where nothing of it holds any more."""
    tariff_id, organization_id = tariff_id_of(visit), visit.viewer.organization_id
    ids = await visit.db.scalars(
        owned(TariffAssignment, organization_id)
        .where(
            TariffAssignment.tariff_id == tariff_id,
            TariffAssignment.created_at == _instant(visit.form.get("at", "")),
            TariffAssignment.until_at.is_(None),
        )
        .with_only_columns(TariffAssignment.id)
        .order_by(TariffAssignment.id)
        .limit(PLACES_MAX)
    )
    wanted = ids.all()
    if not wanted:
        raise Conflict("nothing of it holds any more")
    try:
        ended = await end_many(
            visit.db,
            organization_id,
            wanted,
            restore=True,
            actor=visit.viewer.actor,
            now=visit.desk.pages.now(),
        )
    except Unassignable as refused:
        raise Conflict(refused.faults[0].expected) from None
    again = sum(one.restored is not None for one in ended)
    said = f"Undone at {_places(len(ended))}."
    if again:
        said += f" {again} {'has' if again == 1 else 'have'} the tariff of before again."
    return back_to(f"/tariffs/{tariff_id}", said)


async def _tariff(visit: Visit) -> Tariff:
    """Raises NotFound, Conflict (retired)."""
    tariff = await get_tariff(visit.db, visit.viewer.organization_id, tariff_id_of(visit))
    if tariff.retired_at is not None:
        raise Conflict("the tariff is retired")
    return tariff


async def _pick(
    visit: Visit,
    tariff: Tariff,
    picked: Picked,
    *,
    preview: Preview | None = None,
    told: str | None = None,
) -> Response:
    ticked = await _ticked(visit, picked)
    found: list[Box] = []
    more = 0
    if preview is None:
        found, more = await _found(visit, tariff, picked)
    view = AssigningView(
        tariff=tariff,
        picked=picked,
        audiences=await audience_choices(visit.db, tariff.organization_id),
        boxes=tuple(ticked),
        found=tuple(found),
        found_more=more,
        preview=preview,
        told=told,
    )
    return visit.page("tariff_assigning.html", view=view)


async def _ticked(visit: Visit, picked: Picked) -> list[Box]:
    names = await _site_names(visit, picked.sites)
    return [
        *(_site_box(site, names.get(site, str(site)), "", ticked=True) for site in picked.sites),
        *(_station_box(identity, "", ticked=True) for identity in picked.stations),
    ]


async def _found(visit: Visit, tariff: Tariff, picked: Picked) -> tuple[list[Box], int]:
    """Sites and stations of the tariff's currency whose name fits, but those that are ticked; and
    how many more there are."""
    organization_id, like = tariff.organization_id, picked.query
    sites = owned(Site, organization_id).where(
        Site.retired_at.is_(None),
        Site.currency == tariff.currency,
        Site.id.not_in(picked.sites),
    )
    stations = (
        owned(Station, organization_id)
        .outerjoin(Site, Site.id == Station.site_id)
        .where(
            Station.retired_at.is_(None),
            or_(Site.id.is_(None), Site.currency == tariff.currency),
            Station.identity.not_in(picked.stations),
        )
    )
    if like:
        named = Site.name.icontains(like, autoescape=True)
        sites = sites.where(or_(named, Site.city.icontains(like, autoescape=True)))
        stations = stations.where(or_(named, Station.identity.icontains(like, autoescape=True)))
    counted = (
        sites.outerjoin(Station, (Station.site_id == Site.id) & Station.retired_at.is_(None))
        .with_only_columns(Site.id, Site.name, func.count(Station.id), func.count().over())
        .group_by(Site.id, Site.name)
    )
    site_rows = (
        await visit.db.execute(counted.order_by(Site.name, Site.id).limit(FOUND_MAX))
    ).all()
    station_rows = (
        await visit.db.execute(
            stations.with_only_columns(Station.identity, Site.name, func.count().over())
            .order_by(Station.identity)
            .limit(FOUND_MAX)
        )
    ).all()
    boxes = [
        *(
            _site_box(site, name, f"site, {count} {'station' if count == 1 else 'stations'}")
            for site, name, count, _ in site_rows
        ),
        *(_station_box(identity, name or "no site") for identity, name, _ in station_rows),
    ]
    total = sum(rows[0][-1] for rows in (site_rows, station_rows) if rows)
    return boxes, total - len(boxes)


async def _preview(visit: Visit, picked: Picked, plan: Plan) -> Preview:
    organization_id = visit.viewer.organization_id
    sites = await _site_names(visit, picked.sites)
    tariffs = await visit.db.execute(
        owned(Tariff, organization_id)
        .where(Tariff.id.in_({one.replaced for one in plan.planned if one.replaced}))
        .with_only_columns(Tariff.id, Tariff.name)
    )
    names = {tariff_id: name for tariff_id, name in tariffs}
    words = [
        sites.get(place.site_id, str(place.site_id)) if place.site_id else _named(place)
        for place in picked.places
    ]
    wrong = {fault.index: fault.expected for fault in plan.faults}
    sound = iter(plan.planned)
    lines = []
    for number, word in enumerate(words):
        if number in wrong:
            lines.append(PlanLine(place=word, now="", outcome=None, wrong=wrong[number]))
            continue
        one = next(sound)
        now = "" if one.replaced is None else names.get(one.replaced, "another tariff")
        lines.append(PlanLine(place=word, now=now, outcome=one.outcome, wrong=""))
    lines.sort(key=lambda line: not line.wrong)
    return Preview(
        plan=plan, lines=tuple(lines), mark=_mark(plan), kept=await _kept(visit, picked, plan)
    )


def _mark(plan: Plan) -> str:
    """What holds at each place: another assignment or another place makes another mark."""
    held = ((one.columns, one.before and one.before.id) for one in plan.planned)
    text = "\n".join(f"{[str(value) for value in place.values()]} {row}" for place, row in held)
    return blake2b(text.encode(), digest_size=16).hexdigest()


async def _kept(visit: Visit, picked: Picked, plan: Plan) -> int:
    """Stations of the picked sites that have another tariff of their own for the same drivers:
    closer than the site's, it stays."""
    if not picked.sites or not plan.planned:
        return 0
    wanted = plan.planned[0].wanted
    audience, mine = wanted.scope, TariffAssignment
    found = await visit.db.scalar(
        owned(mine, visit.viewer.organization_id)
        .join(Station, Station.id == mine.station_id)
        .where(
            mine.until_at.is_(None),
            mine.evse.is_(None),
            mine.tariff_id != wanted.tariff_id,
            mine.account_id.is_not_distinct_from(audience.account_id),
            mine.user_group_id.is_not_distinct_from(audience.user_group_id),
            mine.ad_hoc.is_(audience.ad_hoc),
            Station.site_id.in_(picked.sites),
            Station.retired_at.is_(None),
            Station.identity.not_in(
                [one.station for one in picked.places if one.station and not one.evse]
            ),
        )
        .with_only_columns(func.count(), maintain_column_froms=True)
    )
    return found or 0


async def _site_names(visit: Visit, sites: Iterable[UUID]) -> dict[UUID, str]:
    rows = await visit.db.execute(
        owned(Site, visit.viewer.organization_id)
        .where(Site.id.in_(list(sites)))
        .with_only_columns(Site.id, Site.name)
    )
    return {site: name for site, name in rows}


def _named(place: Scope) -> str:
    return f"{place.station}, EVSE {place.evse}" if place.evse else str(place.station)


def _site_box(site: UUID, name: str, more: str, *, ticked: bool = False) -> Box:
    return Box(name=f"site.{site}", word=name, more=more, ticked=ticked)


def _station_box(identity: str, more: str, *, ticked: bool = False) -> Box:
    return Box(name=f"station.{identity}", word=identity, more=more, ticked=ticked)


def _said(preview: Preview) -> str:
    said = f"Assigned to {_places(preview.getting)}: new sessions there pay this tariff."
    if preview.having:
        said += f" {preview.having} had it already."
    if preview.replacing:
        said += f" {preview.replacing} had another, which ended."
    return said


def _places(count: int) -> str:
    return f"{count} {'place' if count == 1 else 'places'}"


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Invalid("at", text, "use the button of the tariff's page")
    return at
