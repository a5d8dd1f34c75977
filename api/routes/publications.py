"""Publications of tariff versions, the ledger of shown prices, and tariffs for partners."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from api.routes.fields import EvseNumber, Input, Line, Output, PriceInstant, Reason
from holdfast.contracts.names import publication_workflow_id
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Reader, TariffWriter
from holdfast.services import (
    partner_tariffs,
    publications,
    shown_prices,
    shown_words,
    stations,
)
from holdfast.services.publications import Progress
from holdfast.services.refusal import Invalid
from holdfast.services.shown_prices import Shown
from holdfast.store.tables.tariff_publications import PUBLICATION_STATES, SHOWN_STATES

router = APIRouter(tags=["tariffs"], route_class=IdempotentRoute)

PublicationState = Annotated[str, Field(json_schema_extra={"enum": list(PUBLICATION_STATES)})]
ShownState = Annotated[str, Field(json_schema_extra={"enum": list(SHOWN_STATES)})]
Channel = Literal["station_tariff", "display_message", "data_transfer", "page", "partner"]


class PlacesShown(Output):
    """Places by what they show: `asked` has not answered yet, `unsupported` cannot show it."""

    shown: int
    asked: int
    refused: int
    unsupported: int


class PublicationShown(Output):
    """A version on its way to stations, pages and partners."""

    id: UUID
    tariff: UUID
    tariff_name: str
    version: int
    version_id: UUID
    state: PublicationState
    valid_from: datetime
    live_at: datetime | None
    ended_at: datetime | None
    attention: Annotated[str | None, Field(description="What a person must decide.")]
    places: PlacesShown
    workflow_id: str


class PublicationDecisionForm(Input):
    """Tell the places that refused once more, or leave it at that."""

    action: Literal["try_again", "leave"]
    reason: Reason


class ShownPriceShown(Output):
    """What a place showed from `shown_at` to `until_at` (null: still). A place that never
    confirmed has no `shown_at`. Without a tariff it was shown by hand, by `shown_by`."""

    id: UUID
    channel: Channel
    station: str | None
    evse: int | None
    tariff: UUID | None
    tariff_name: str | None
    version: int | None
    version_id: UUID | None
    state: ShownState
    language: str | None
    text: str | None
    content: dict[str, Any]
    detail: str | None
    order: UUID | None
    shown_by: Annotated[
        str | None, Field(description="Who had the station show it, with an order of their own.")
    ]
    ended_by: Annotated[
        str | None, Field(description="Who had it replaced or cleared, with an order of their own.")
    ]
    asked_at: datetime
    shown_at: datetime | None
    until_at: datetime | None


class OcpiTariffShown(Output):
    """An OCPI Tariff object (mod_tariffs) of the form that was asked for; the other fields of that
    form are there too."""

    model_config = ConfigDict(extra="allow")

    id: str
    currency: str
    elements: list[dict[str, Any]]
    start_date_time: str
    last_updated: str


@router.get("/tariff-publications")
async def list_publications(
    db: Db,
    reader: Reader,
    asked: Asked,
    tariff: Annotated[UUID | None, Query(description="Of this tariff only.")] = None,
) -> Page[PublicationShown]:
    """Newest first."""
    rows = await publications.list_publications(db, reader.organization_id, asked, tariff_id=tariff)
    return page(rows, to_publication)


@router.get("/tariff-publications/{publication_id}")
async def read_publication(publication_id: UUID, db: Db, reader: Reader) -> PublicationShown:
    """How far it is."""
    found = await publications.get_publication(db, reader.organization_id, publication_id)
    return to_publication(found)


@router.post("/tariff-publications/{publication_id}/resolve", status_code=202)
async def resolve_publication(
    publication_id: UUID, form: PublicationDecisionForm, db: Db, writer: TariffWriter
) -> PublicationShown:
    """Decide about places that refused the price."""
    await publications.resolve(
        db,
        writer.organization_id,
        publication_id,
        action=form.action,
        reason=form.reason,
        actor=writer.actor,
    )
    found = await publications.get_publication(db, writer.organization_id, publication_id)
    return to_publication(found)


@router.get("/shown-prices")
async def list_shown_prices(
    db: Db,
    reader: Reader,
    asked: Asked,
    station: Annotated[Line | None, Query(description="An OCPP identity.")] = None,
    evse: Annotated[EvseNumber | None, Query(description="Of the station.")] = None,
    version_id: Annotated[UUID | None, Query(description="Of this tariff version only.")] = None,
    channel: Annotated[Channel | None, Query(description="Shown this way.")] = None,
    at: Annotated[PriceInstant | None, Query(description="Shown at that instant.")] = None,
) -> Page[ShownPriceShown]:
    """Which price was shown where and when, newest first.

    A page that follows a market (`content.follows`) says other words with each of its prices: with
    `at`, those of that instant, else those that it began with.
    """
    if evse is not None and station is None:
        raise Invalid("evse", evse, "name its station too")
    station_id = None
    if station is not None:
        station_id = (await stations.find_station(db, reader.organization_id, station)).id
    rows = await shown_prices.list_shown(
        db,
        reader.organization_id,
        asked,
        station_id=station_id,
        evse=evse,
        version_id=version_id,
        channel=channel,
        at=at,
    )
    return page(await shown_words.worded(db, rows, at), to_shown_price)


@router.get("/ocpi-tariffs")
async def list_ocpi_tariffs(
    db: Db,
    reader: Reader,
    asked: Asked,
    form: Annotated[Literal["2.2.1", "2.3.0"], Query(description="The version of OCPI.")] = "2.2.1",
    from_at: Annotated[
        PriceInstant | None, Query(alias="from", description="Changed at or after this instant.")
    ] = None,
    until_at: Annotated[
        PriceInstant | None, Query(alias="to", description="Changed before this instant.")
    ] = None,
) -> Page[OcpiTariffShown]:
    """What the public pays, as OCPI Tariff objects, in the order of `last_updated`.

    What a form cannot say is in the detail of its row of the ledger (channel `partner`).
    """
    rows = await partner_tariffs.list_partner_rows(
        db, reader.organization_id, asked, since=from_at, until=until_at
    )
    return page(
        rows,
        lambda row: OcpiTariffShown.model_validate(partner_tariffs.tariff_object(row, form)),
    )


def to_publication(found: Progress) -> PublicationShown:
    """The answer."""
    publication, version = found.publication, found.version
    return PublicationShown(
        id=publication.id,
        tariff=publication.tariff_id,
        tariff_name=found.tariff,
        version=version.number,
        version_id=version.id,
        state=publication.state,
        valid_from=version.valid_from,
        live_at=publication.live_at,
        ended_at=publication.ended_at,
        attention=publication.attention,
        places=PlacesShown(
            shown=found.places.get("shown", 0),
            asked=found.places.get("asked", 0),
            refused=found.places.get("refused", 0),
            unsupported=found.places.get("unsupported", 0),
        ),
        workflow_id=publication_workflow_id(publication.id),
    )


def to_shown_price(found: Shown) -> ShownPriceShown:
    """The answer."""
    row = found.row
    return ShownPriceShown.model_validate(
        {
            "id": row.id,
            "channel": row.channel,
            "station": found.station,
            "evse": row.evse,
            "tariff": found.tariff_id,
            "tariff_name": found.tariff,
            "version": found.number,
            "version_id": row.version_id,
            "state": row.state,
            "language": row.language,
            "text": found.text,
            "content": shown_words.content_of(found),
            "detail": row.detail,
            "order": row.order_id,
            "shown_by": row.shown_by,
            "ended_by": row.ended_by,
            "asked_at": row.asked_at,
            "shown_at": row.shown_at,
            "until_at": row.until_at,
        }
    )
