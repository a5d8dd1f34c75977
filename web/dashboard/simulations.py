"""The simulations of a tariff, and the form that begins one."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from starlette.responses import Response

from holdfast.domain.simulation_tally import Tally
from holdfast.services.refusal import Invalid
from holdfast.services.scope import owned
from holdfast.services.simulation_scope import (
    SESSIONS_DEFAULT,
    SESSIONS_MAX,
    SimulationScope,
    default_span,
)
from holdfast.services.simulations import (
    Subject,
    begin_simulation,
    list_simulations,
    tally_of,
)
from holdfast.services.slices import SliceAsked
from holdfast.services.tariffs import get_tariff
from holdfast.store.tables import (
    Site,
    Tariff,
    TariffDraft,
    TariffSimulation,
    TariffVersion,
    UserGroup,
)
from web.dashboard.simulation import STATE
from web.dashboard.tariff_decisions import tariff_id_of
from web.dashboard.tariff_suggestions import station_identities
from web.live_page import bounded, count_or, uuid_or_none
from web.visit import Visit, back_to
from web.wording import Badge

SHOWN = 30
CHOICES_MAX = 200
VERSIONS_SHOWN = 20
DAY = timedelta(days=1)
AD_HOC, GROUP = "ad_hoc", "group:"
DRAFT, VERSION = "draft:", "version:"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationLine:
    """A simulation of the list."""

    id: UUID
    badge: Badge
    done: int
    total: int | None
    tally: Tally
    currency: str
    what: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationsView:
    """The page; `subjects` are what may be simulated, each a value and its words."""

    tariff: Tariff
    lines: tuple[SimulationLine, ...]
    next: UUID | None
    at_start: bool
    subjects: tuple[tuple[str, str], ...]
    chosen: str
    sites: tuple[tuple[str, str], ...]
    audiences: tuple[tuple[str, str], ...]
    from_day: date
    until_day: date
    sessions_max: int
    stations: tuple[str, ...]


async def show_simulations(visit: Visit) -> Response:
    """GET /tariffs/{id}/simulations; `?draft=` chooses what the form simulates."""
    organization_id = visit.viewer.organization_id
    tariff = await get_tariff(visit.db, organization_id, tariff_id_of(visit))
    query = bounded(visit.request.query_params)
    before = uuid_or_none(query.get("before"))
    rows = await list_simulations(
        visit.db, organization_id, SliceAsked(limit=SHOWN, after=before), tariff_id=tariff.id
    )
    from_at, until_at = default_span(visit.desk.pages.now())
    view = SimulationsView(
        tariff=tariff,
        lines=tuple(_line(row) for row in rows.items),
        next=rows.next,
        at_start=before is None,
        subjects=await _subjects(visit, tariff),
        chosen=f"{DRAFT}{query['draft']}" if "draft" in query else "",
        sites=await _sites(visit),
        audiences=await _audiences(visit),
        from_day=from_at.date(),
        until_day=until_at.date(),
        sessions_max=SESSIONS_DEFAULT,
        stations=await station_identities(visit.db, organization_id),
    )
    return visit.page("tariff_simulations.html", view=view)


async def begin(visit: Visit) -> Response:
    """POST /tariffs/{id}/simulations"""
    tariff_id, form = tariff_id_of(visit), visit.form
    now = visit.desk.pages.now()
    audience = form.get("audience", "")
    subject, _, subject_id = form.get("subject", "").partition(":")
    simulation = await begin_simulation(
        visit.db,
        visit.viewer.organization_id,
        tariff_id,
        Subject(
            draft_id=uuid_or_none(subject_id) if subject == "draft" else None,
            version_id=uuid_or_none(subject_id) if subject == "version" else None,
        ),
        SimulationScope(
            from_at=_midnight(form.get("from", ""), "from"),
            until_at=min(now, _midnight(form.get("to", ""), "to") + DAY),
            which="place" if form.get("sessions") == "place" else "tariff",
            site_id=uuid_or_none(form.get("site") or None),
            station=form.get("station", "").strip() or None,
            user_group=audience.removeprefix(GROUP) if audience.startswith(GROUP) else None,
            ad_hoc=audience == AD_HOC,
            sessions_max=count_or(form.get("sessions_max"), SESSIONS_DEFAULT, SESSIONS_MAX),
        ),
        now=now,
        actor=visit.viewer.actor,
    )
    return back_to(f"/tariffs/simulations/{simulation.id}")


def _midnight(text: str, field: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC)
    except ValueError:
        raise Invalid(field, text, "choose a day") from None


def _line(row: TariffSimulation) -> SimulationLine:
    what = "a version" if row.version_id is not None else "a body"
    return SimulationLine(
        id=row.id,
        badge=STATE[row.state],
        done=row.sessions_done,
        total=row.sessions_total,
        tally=tally_of(row),
        currency=str(row.body["currency"]),
        what="a draft" if row.draft_id is not None else what,
        created_at=row.created_at,
    )


async def _subjects(visit: Visit, tariff: Tariff) -> tuple[tuple[str, str], ...]:
    drafts = await visit.db.execute(
        owned(TariffDraft, tariff.organization_id)
        .where(TariffDraft.tariff_id == tariff.id, TariffDraft.state.in_(("draft", "review")))
        .order_by(TariffDraft.id.desc())
        .limit(CHOICES_MAX)
        .with_only_columns(TariffDraft.id, TariffDraft.revision, TariffDraft.created_at)
    )
    versions = await visit.db.execute(
        owned(TariffVersion, tariff.organization_id)
        .where(TariffVersion.tariff_id == tariff.id)
        .order_by(TariffVersion.number.desc())
        .limit(VERSIONS_SHOWN)
        .with_only_columns(TariffVersion.id, TariffVersion.number)
    )
    return (
        *(
            (f"{DRAFT}{draft_id}", f"Draft of {created_at:%d %b %Y}, revision {revision}")
            for draft_id, revision, created_at in drafts
        ),
        *((f"{VERSION}{version_id}", f"Version {number}") for version_id, number in versions),
    )


async def _sites(visit: Visit) -> tuple[tuple[str, str], ...]:
    rows = await visit.db.execute(
        owned(Site, visit.viewer.organization_id)
        .order_by(Site.name)
        .limit(CHOICES_MAX)
        .with_only_columns(Site.id, Site.name)
    )
    return (("", "Everywhere"), *((str(site_id), name) for site_id, name in rows))


async def _audiences(visit: Visit) -> tuple[tuple[str, str], ...]:
    rows = await visit.db.execute(
        owned(UserGroup, visit.viewer.organization_id)
        .order_by(UserGroup.name)
        .limit(CHOICES_MAX)
        .with_only_columns(UserGroup.key, UserGroup.name)
    )
    groups = ((f"{GROUP}{key}", f"User group {name}") for key, name in rows)
    return (("", "Everybody"), (AD_HOC, "Who paid ad hoc"), *groups)
