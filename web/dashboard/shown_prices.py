"""Which price was shown where and when, and how far each version is on its way there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from starlette.responses import Response

from holdfast.contracts.names import publication_workflow_id
from holdfast.domain.pricing.record_values import YEAR_MAX, YEAR_MIN
from holdfast.services import publications, shown_prices, shown_words, stations
from holdfast.services.page_content import FOLLOWS
from holdfast.services.publications import Progress
from holdfast.services.refusal import Invalid, NotFound
from holdfast.services.shown_prices import Shown
from holdfast.services.slices import SliceAsked
from web.dashboard.actors import key_names
from web.dashboard.lists import Listed
from web.dashboard.tariff_suggestions import station_identities
from web.live_page import bounded, uuid_or_none
from web.visit import Visit, back_to
from web.wording import Badge

PER_PAGE = 50
REASON_LENGTH_MIN, REASON_LENGTH_MAX = 3, 500
PUBLICATIONS = "/tariffs/publications"

CHANNELS = {
    "station_tariff": "Tariff at the station",
    "display_message": "Display of the station",
    "data_transfer": "Display of the station (OCPP 1.6)",
    "page": "Price page",
    "partner": "Partners",
}
STATES = {
    "asked": Badge("Not confirmed", "wait", "clock"),
    "shown": Badge("Shown", "good", "check"),
    "refused": Badge("Refused", "bad", "alert"),
    "unsupported": Badge("Not possible", "calm", "tag"),
    "withdrawn": Badge("Taken back", "calm", "tag"),
}
ENDED = Badge("Was shown", "calm", "check")
PROGRESS = {
    "waiting": Badge("Waits for its time", "wait", "clock"),
    "publishing": Badge("Being told", "busy", "clock"),
    "live": Badge("Live", "good", "check"),
    "ended": Badge("Over", "calm", "tag"),
    "withdrawn": Badge("Withdrawn", "calm", "tag"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLine:
    """A row of the ledger."""

    id: UUID
    badge: Badge
    channel: str
    station: str | None
    evse: int | None
    tariff_id: UUID | None
    tariff: str | None
    version: int | None
    shown_by: str | None
    ended_by: str | None
    text: str | None
    begins: bool  # the words are those that a page which follows a market began with
    detail: str | None
    asked_at: datetime
    shown_at: datetime | None
    until_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationLine:
    """A publication: `done` of `places` show it, `left` were not able to or refused."""

    id: UUID
    badge: Badge
    tariff_id: UUID
    tariff: str
    version_id: UUID
    version: int
    valid_from: datetime
    shown: int
    asked: int
    refused: int
    unsupported: int
    attention: str | None
    workflow_url: str

    @property
    def places(self) -> int:
        """How many are to show it."""
        return self.shown + self.asked + self.refused + self.unsupported


async def show_ledger(visit: Visit) -> Response:
    """GET /tariffs/ledger"""
    known = bounded(visit.request.query_params)
    asked = {
        name: known[name]
        for name in ("station", "channel", "at", "version", "before")
        if known.get(name)
    }
    organization_id, found = visit.viewer.organization_id, True
    station_id = None
    if "station" in asked:
        try:
            station = await stations.find_station(visit.db, organization_id, asked["station"])
            station_id = station.id
        except NotFound:
            found = False
    rows, at = None, _instant(asked.get("at"))
    if found:
        rows = await shown_prices.list_shown(
            visit.db,
            organization_id,
            SliceAsked(limit=PER_PAGE, after=uuid_or_none(asked.get("before"))),
            station_id=station_id,
            version_id=uuid_or_none(asked.get("version")),
            channel=asked["channel"] if asked.get("channel") in CHANNELS else None,
            at=at,
        )
        rows = await shown_words.worded(visit.db, rows, at)
    items = () if rows is None else rows.items
    hands = {by for one in items for by in (one.row.shown_by, one.row.ended_by) if by}
    people = await key_names(visit.db, organization_id, sorted(hands))
    lines = tuple(_line(one, people) for one in items)
    return visit.page(
        "tariff_ledger.html",
        view=Listed(lines=lines, next=None if rows is None else rows.next, asked=asked),
        channels=CHANNELS,
        stations=await station_identities(visit.db, organization_id),
    )


async def show_publications(visit: Visit) -> Response:
    """GET /tariffs/publications"""
    known = bounded(visit.request.query_params)
    asked = {name: known[name] for name in ("tariff", "before") if known.get(name)}
    rows = await publications.list_publications(
        visit.db,
        visit.viewer.organization_id,
        SliceAsked(limit=PER_PAGE, after=uuid_or_none(asked.get("before"))),
        tariff_id=uuid_or_none(asked.get("tariff")),
    )
    lines = tuple(_publication(visit, one) for one in rows.items)
    return visit.page(
        "tariff_publications.html", view=Listed(lines=lines, next=rows.next, asked=asked)
    )


async def decide(visit: Visit) -> Response:
    """POST /tariffs/publications/{id}/resolve"""
    publication_id = uuid_or_none(visit.request.path_params["id"])
    if publication_id is None:
        raise NotFound("publication", visit.request.path_params["id"])
    action, reason = visit.form.get("action", ""), visit.form.get("reason", "").strip()
    if action not in ("try_again", "leave"):
        raise Invalid("action", action, "try again, or leave it at that")
    if not REASON_LENGTH_MIN <= len(reason) <= REASON_LENGTH_MAX:
        raise Invalid(
            "reason", reason, f"use {REASON_LENGTH_MIN} to {REASON_LENGTH_MAX} characters"
        )
    await publications.resolve(
        visit.db,
        visit.viewer.organization_id,
        publication_id,
        action="try_again" if action == "try_again" else "leave",
        reason=reason,
        actor=visit.viewer.actor,
    )
    return back_to(PUBLICATIONS, "Decided.")


def _line(found: Shown, people: dict[str, str]) -> ShownLine:
    row = found.row
    over = row.state == "shown" and row.until_at is not None
    return ShownLine(
        id=row.id,
        badge=ENDED if over else STATES[row.state],
        channel=CHANNELS[row.channel],
        station=found.station,
        evse=row.evse,
        tariff_id=found.tariff_id,
        tariff=found.tariff,
        version=found.number,
        shown_by=people.get(row.shown_by or "", row.shown_by),
        ended_by=people.get(row.ended_by or "", row.ended_by),
        text=found.text,
        begins=FOLLOWS in row.content and found.words is None,
        detail=row.detail,
        asked_at=row.asked_at,
        shown_at=row.shown_at,
        until_at=row.until_at,
    )


def _publication(visit: Visit, found: Progress) -> PublicationLine:
    publication = found.publication
    return PublicationLine(
        id=publication.id,
        badge=PROGRESS[publication.state],
        tariff_id=publication.tariff_id,
        tariff=found.tariff,
        version_id=found.version.id,
        version=found.version.number,
        valid_from=found.version.valid_from,
        shown=found.places.get("shown", 0),
        asked=found.places.get("asked", 0),
        refused=found.places.get("refused", 0),
        unsupported=found.places.get("unsupported", 0),
        attention=publication.attention,
        workflow_url=visit.desk.temporal_url(publication_workflow_id(publication.id)),
    )


def _instant(written: str | None) -> datetime | None:
    """As the field of a form writes it, in UTC; what is no instant filters nothing."""
    try:
        at = datetime.fromisoformat(written or "")
        if not YEAR_MIN < at.year < YEAR_MAX:
            return None
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
