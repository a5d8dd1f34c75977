"""One simulation: how far it is, live, and what it says, as charts and tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, Response

from holdfast.contracts.names import simulation_workflow_id
from holdfast.domain.currency import Currency
from holdfast.domain.money import Money
from holdfast.domain.simulation_tally import OTHER, Sums, Tally, bar_ranges
from holdfast.http.permissions import Permission
from holdfast.services.refusal import NotFound
from holdfast.services.scope import find, owned
from holdfast.services.simulations import (
    OPEN_STATES,
    cancel_simulation,
    get_simulation,
    tally_of,
)
from holdfast.store.tables import Session as SessionRow
from holdfast.store.tables import Site, Station, Tariff, TariffDraft, TariffSimulation
from web.live_page import LivePage, bounded, uuid_or_none
from web.sentences import finding
from web.viewer import Viewer
from web.visit import Desk, Visit, back_to
from web.wording import Badge, grouped, words

STATE = {
    "waiting": Badge("Waiting", "wait", "clock"),
    "running": Badge("Running", "busy", "bolt"),
    "done": Badge("Done", "good", "check"),
    "failed": Badge("Failed", "bad", "alert"),
    "cancelled": Badge("Cancelled", "calm", "ban"),
}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_SHOWN = 50
SITES_SHOWN = 50
REASONS = {
    "other_currency": "Its own tariff is in another currency",
    "tariff_unreadable": "Its own tariff cannot be read",
    "too_many_meter_values": "It has too many meter values",
    "SessionTooLong": "It lasted too long to be cut into periods",
    "TooManyPeriods": "It would have too many charging periods",
    "UnknownZone": "Its site's time zone is none",
    "TariffInvalid": "A tariff cannot be read",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationAsked:
    """Of one simulation."""

    simulation_id: UUID
    may_cancel: bool = False

    def parameters(self) -> Mapping[str, str]:
        """As the stream's URL has them."""
        return {"simulation": str(self.simulation_id)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceLine:
    """A site's sums."""

    name: str
    sums: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedLine:
    """A session that changes much."""

    session: UUID
    place: str
    started_at: datetime | None
    before: int
    after: int
    difference: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationView:
    """The page. Amounts in minor units of `currency`; `percent` is the change after tax."""

    id: UUID
    tariff: Tariff
    draft_path: str | None
    badge: Badge
    open: bool
    may_cancel: bool
    done: int
    total: int | None
    problem: str | None
    scope: tuple[tuple[str, str], ...]
    created_at: datetime
    ended_at: datetime | None
    currency: str
    tally: Tally
    percent: str | None
    sites: tuple[PlaceLine, ...]
    dearer: tuple[ChangedLine, ...]
    cheaper: tuple[ChangedLine, ...]
    bars: tuple[tuple[str, int], ...]
    hours: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    days: tuple[tuple[str, Sums], ...]
    findings: tuple[tuple[str, int], ...]
    unpriced: tuple[tuple[str, int], ...]
    unpriced_examples: tuple[tuple[UUID, str], ...]
    workflow_url: str


def parse_simulation(viewer: Viewer, parameters: Mapping[str, str]) -> SimulationAsked:
    """A stream names it in its query; a page has it in its path."""
    return SimulationAsked(
        simulation_id=uuid_or_none(parameters.get("simulation")) or UUID(int=0),
        may_cancel=viewer.may(Permission.WRITE_TARIFFS),
    )


async def read_simulation(
    desk: Desk, db: AsyncSession, organization_id: UUID, asked: SimulationAsked
) -> SimulationView:
    """Raises NotFound."""
    row = await get_simulation(db, organization_id, asked.simulation_id)
    tariff = await find(db, Tariff, organization_id, row.tariff_id, "tariff")
    tally, currency = tally_of(row), str(row.body["currency"])
    changed = await _changed(db, organization_id, tally)
    unpriced = sorted(tally.unpriced.items(), key=lambda item: -item[1])
    return SimulationView(
        id=row.id,
        tariff=tariff,
        draft_path=await _draft_path(db, organization_id, row),
        badge=STATE[row.state],
        open=row.state in OPEN_STATES,
        may_cancel=asked.may_cancel and row.state in OPEN_STATES,
        done=row.sessions_done,
        total=row.sessions_total,
        problem=row.problem,
        scope=await _scope(db, organization_id, row),
        created_at=row.created_at,
        ended_at=row.ended_at,
        currency=currency,
        tally=tally,
        percent=_percent(tally.total),
        sites=await _sites(db, organization_id, tally),
        dearer=tuple(_changed_line(one, changed) for one in tally.most_dearer[:MOST_SHOWN]),
        cheaper=tuple(_changed_line(one, changed) for one in tally.most_cheaper[:MOST_SHOWN]),
        bars=tuple(zip(bar_names(currency), tally.histogram, strict=True)),
        hours=_hours(tally),
        days=tuple(sorted(tally.days.items())),
        findings=tuple((finding(code), count) for code, count in sorted(tally.findings.items())),
        unpriced=tuple((REASONS.get(code, words(code)), count) for code, count in unpriced),
        unpriced_examples=tuple(
            (UUID(one["session"]), REASONS.get(one["reason"], words(one["reason"])))
            for one in tally.unpriced_examples
        ),
        workflow_url=desk.temporal_url(simulation_workflow_id(row.id)),
    )


SIMULATION = LivePage(
    name="simulation",
    topics=frozenset({"simulations"}),
    template="fragments/tariff_simulation.html",
    parse=parse_simulation,
    read=read_simulation,
    more="fragments/tariff_simulation_more.html",
)


async def show_simulation(visit: Visit) -> Response:
    """GET /tariffs/simulations/{id}"""
    parameters = {**bounded(visit.request.query_params), "simulation": str(_id_of(visit))}
    return await SIMULATION.show_asked(
        visit, "tariff_simulation.html", parse_simulation(visit.viewer, parameters)
    )


async def show_figures(visit: Visit) -> Response:
    """GET /tariffs/simulations/{id}/figures: what the charts draw, in major units.

    Money becomes a float here, for a pixel; no amount is read from it.
    """
    row = await get_simulation(visit.db, visit.viewer.organization_id, _id_of(visit))
    tally, currency = tally_of(row), Currency.of(str(row.body["currency"]))
    per_major = currency.minor_per_major
    days = sorted((day, sums) for day, sums in tally.days.items() if day != OTHER)
    return JSONResponse(
        {
            "currency": currency.code,
            "bars": [name for name in bar_names(currency.code)],
            "sessions": tally.histogram,
            "days": [day for day, _ in days],
            "before": [sums.before_gross / per_major for _, sums in days],
            "after": [sums.after_gross / per_major for _, sums in days],
        }
    )


async def cancel(visit: Visit) -> Response:
    """POST /tariffs/simulations/{id}/cancel"""
    simulation_id = _id_of(visit)
    await cancel_simulation(
        visit.db,
        visit.viewer.organization_id,
        simulation_id,
        now=visit.desk.pages.now(),
        actor=visit.viewer.actor,
    )
    return back_to(f"/tariffs/simulations/{simulation_id}", "Cancelled: it keeps what it has.")


def bar_names(currency: str) -> tuple[str, ...]:
    """A bar's differences in major units: "-1.99 to -1.00", "0", "from 50.00"."""

    def text(amount_minor: int) -> str:
        sign = "+" if amount_minor > 0 else ""
        return sign + Money(amount_minor, Currency.of(currency)).decimal_text()

    names = []
    for least, most in bar_ranges():
        if least is None:
            names.append(f"{text(most or 0)} or less")
        elif most is None:
            names.append(f"{text(least)} or more")
        else:
            names.append("0" if least == most == 0 else f"{text(least)} to {text(most)}")
    return tuple(names)


def _id_of(visit: Visit) -> UUID:
    simulation_id = uuid_or_none(visit.request.path_params["id"])
    if simulation_id is None:
        raise NotFound("tariff simulation", visit.request.path_params["id"])
    return simulation_id


async def _draft_path(db: AsyncSession, organization_id: UUID, row: TariffSimulation) -> str | None:
    if row.draft_id is None:
        return None
    draft = await find(db, TariffDraft, organization_id, row.draft_id, "tariff draft")
    return f"/tariffs/{draft.tariff_id}/drafts/{draft.id}"


async def _scope(
    db: AsyncSession, organization_id: UUID, row: TariffSimulation
) -> tuple[tuple[str, str], ...]:
    scope = row.scope
    place = "everywhere"
    if scope["station"] is not None:
        place = f"station {scope['station']}"
    elif scope["site"] is not None:
        site = await find(db, Site, organization_id, UUID(scope["site"]), "site")
        place = f"site {site.name}"
    audience = "everybody"
    if scope["ad_hoc"]:
        audience = "who paid ad hoc"
    elif scope["user_group"] is not None:
        audience = f"user group {scope['user_group']}"
    elif scope["account"] is not None:
        audience = "one account"
    which = "priced by this tariff" if scope["sessions"] == "tariff" else "all at the place"
    return (
        ("Sessions", which),
        ("Began from", scope["from"][:10]),
        ("until", scope["to"][:10]),
        ("Where", place),
        ("Drivers", audience),
        ("At most", f"{grouped(scope['sessions_max'])} newest"),
    )


async def _sites(db: AsyncSession, organization_id: UUID, tally: Tally) -> tuple[PlaceLine, ...]:
    """The sites whose revenue changes most."""
    ranked = sorted(
        tally.sites.items(), key=lambda item: -abs(item[1].after_gross - item[1].before_gross)
    )[:SITES_SHOWN]
    ids = [UUID(key) for key, _ in ranked if key != OTHER]
    rows = await db.execute(
        owned(Site, organization_id).where(Site.id.in_(ids)).with_only_columns(Site.id, Site.name)
    )
    names = {str(site_id): name for site_id, name in rows}
    return tuple(PlaceLine(name=names.get(key, "Other"), sums=sums) for key, sums in ranked)


async def _changed(
    db: AsyncSession, organization_id: UUID, tally: Tally
) -> dict[UUID, tuple[str, int, datetime | None]]:
    ids = [UUID(one["session"]) for one in (*tally.most_dearer, *tally.most_cheaper)]
    rows = await db.execute(
        owned(SessionRow, organization_id)
        .join(Station, Station.id == SessionRow.station_id)
        .where(SessionRow.id.in_(ids))
        .with_only_columns(SessionRow.id, Station.identity, SessionRow.evse, SessionRow.started_at)
    )
    return {session: (identity, evse, at) for session, identity, evse, at in rows}


def _changed_line(
    one: Mapping[str, object], known: Mapping[UUID, tuple[str, int, datetime | None]]
) -> ChangedLine:
    session = UUID(str(one["session"]))
    identity, evse, at = known.get(session, ("unknown", 0, None))
    return ChangedLine(
        session=session,
        place=f"{identity}, EVSE {evse}",
        started_at=at,
        before=int(str(one["before"])),
        after=int(str(one["after"])),
        difference=int(str(one["difference"])),
    )


def _percent(sums: Sums) -> str | None:
    """The change after tax, in tenths of a percent; None where nothing was earned before."""
    if sums.before_gross <= 0:
        return None
    tenths = (sums.after_gross - sums.before_gross) * 1_000
    rounded = (2 * abs(tenths) + sums.before_gross) // (2 * sums.before_gross)
    sign = "+" if tenths > 0 else "-" if tenths < 0 else ""
    return f"{sign}{rounded // 10}.{rounded % 10}"


def _hours(tally: Tally) -> tuple[tuple[str, tuple[tuple[int, int], ...]], ...]:
    """By weekday: (sessions, difference) of four parts of the day."""
    rows = []
    for number, day in enumerate(DAYS):
        hours = tally.hours[number * 24 : number * 24 + 24]
        parts = [hours[first : first + 6] for first in (0, 6, 12, 18)]
        rows.append(
            (day, tuple((sum(h[0] for h in part), sum(h[1] for h in part)) for part in parts))
        )
    return tuple(rows)
