"""Every workflow that should be running, from the rows alone: Temporal may lose all it has."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from holdfast.contracts import (
    late_truth,
    network_changes,
    orders,
    password_rotations,
    payments,
    sessions,
    spot_feeds,
    station_certificates,
    tariff_publications,
    tariff_simulations,
)
from holdfast.contracts.message import Message
from holdfast.contracts.names import (
    certificate_workflow_id,
    late_truth_workflow_id,
    network_workflow_id,
    order_workflow_id,
    password_workflow_id,
    payment_workflow_id,
    publication_workflow_id,
    session_workflow_id,
    simulation_workflow_id,
    spot_feed_workflow_id,
)
from holdfast.contracts.payments import AmountSignal, ReasonSignal, StartPayment
from holdfast.services import payment_decisions
from holdfast.services.charges import start_message as payment_start
from holdfast.services.network_changes import OPEN_STATES as OPEN_CHANGES
from holdfast.services.network_changes import start_message as network_start
from holdfast.services.orders import OPEN_ORDER_STATES
from holdfast.services.orders import start_message as order_start
from holdfast.services.password_rotations import OPEN_STATES as OPEN_ROTATIONS
from holdfast.services.password_rotations import start_message as password_start
from holdfast.services.publications import OPEN_STATES as OPEN_PUBLICATIONS
from holdfast.services.publications import start_message as publication_start
from holdfast.services.session_decisions import decided
from holdfast.services.simulations import OPEN_STATES as OPEN_SIMULATIONS
from holdfast.services.simulations import start_message as simulation_start
from holdfast.services.spot_prices import FILE
from holdfast.services.spot_prices import start_message as feed_start
from holdfast.services.station_certificates import OPEN_STATES as OPEN_REQUESTS
from holdfast.services.station_certificates import start_message as certificate_start
from holdfast.store.tables import (
    CertificateRequest,
    LateFact,
    NetworkChange,
    Order,
    Organization,
    PasswordRotation,
    Payment,
    Publication,
    Session,
    Settlement,
    SpotFeed,
    Station,
    Tariff,
    TariffSimulation,
    TariffVersion,
)

PAGE = 500

Row = TypeVar(
    "Row",
    Session,
    Payment,
    Order,
    CertificateRequest,
    PasswordRotation,
    NetworkChange,
    TariffSimulation,
    SpotFeed,
    Publication,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Startable:
    """A workflow that must be running, and what starts it."""

    name: str
    workflow_id: str
    message: Message


async def session_message(db: AsyncSession, session: Session) -> sessions.StartSession:
    """What starts a session's workflow again; its rows hold all that its signals said."""
    slug = await db.scalar(
        select(Organization.slug).where(Organization.id == session.organization_id)
    )
    identity = await db.scalar(select(Station.identity).where(Station.id == session.station_id))
    return sessions.StartSession(
        session_id=session.id,
        organization=slug or "",
        organization_id=session.organization_id,
        site_id=session.site_id,
        station=identity or "",
        evse=session.evse,
        connector=session.connector,
        started_at=session.started_at,
        ended_at=session.ended_at or session.ended_by_us_at,
        complete=session.sequence_gaps == 0,
        rebuilt=True,
        decisions=decided(session),
    )


async def payment_message(db: AsyncSession, payment: Payment) -> StartPayment:
    """What starts a payment's workflow again, with what was asked of it meanwhile."""
    message = (await payment_start(db, payment, rebuilt=True)).model_copy(
        update={"decisions": payment_decisions.decided(payment)}
    )
    settlement = await db.scalar(select(Settlement).where(Settlement.payment_id == payment.id))
    if payment.kind != "hold":
        return message
    if settlement is not None and settlement.outcome is None:
        asked = AmountSignal(
            event_id=f"settle:{settlement.session_id}", amount_minor=settlement.amount_minor
        )
        return message.model_copy(update={"settle": asked})
    session = await db.scalar(select(Session).where(Session.payment_id == payment.id))
    if settlement is not None or (session is not None and session.closed_at is not None):
        subject = settlement.session_id if settlement is not None else payment.id
        release = ReasonSignal(event_id=f"settle:{subject}", reason="the session is closed")
        return message.model_copy(update={"release": release})
    return message


async def order_message(db: AsyncSession, order: Order) -> orders.StartOrder:
    """What starts an order's workflow again."""
    organization = await db.get_one(Organization, order.organization_id)
    station = await db.get_one(Station, order.station_id)
    return order_start(order, organization, station, rebuilt=True)


async def certificate_message(
    db: AsyncSession, request: CertificateRequest
) -> station_certificates.StartCertificate:
    """What starts the workflow of a station's certificate again."""
    organization = await db.get_one(Organization, request.organization_id)
    station = await db.get_one(Station, request.station_id)
    return certificate_start(request, organization, station, rebuilt=True)


async def password_message(
    db: AsyncSession, rotation: PasswordRotation
) -> password_rotations.StartRotation:
    """What starts a password's rotation again."""
    organization = await db.get_one(Organization, rotation.organization_id)
    station = await db.get_one(Station, rotation.station_id)
    return password_start(rotation, organization, station, rebuilt=True)


async def network_message(db: AsyncSession, change: NetworkChange) -> network_changes.StartChange:
    """What starts a change of network profile again."""
    organization = await db.get_one(Organization, change.organization_id)
    station = await db.get_one(Station, change.station_id)
    return network_start(change, organization, station, rebuilt=True)


async def simulation_message(
    db: AsyncSession, simulation: TariffSimulation
) -> tariff_simulations.StartSimulation:
    """What starts a simulation again; it goes on where its row says."""
    organization = await db.get_one(Organization, simulation.organization_id)
    return simulation_start(simulation, organization, rebuilt=True)


async def feed_message(db: AsyncSession, feed: SpotFeed) -> spot_feeds.StartSpotFeed:
    """What starts the reading of a market's prices again."""
    organization = await db.get_one(Organization, feed.organization_id)
    return feed_start(feed, organization, rebuilt=True)


async def publication_message(
    db: AsyncSession, publication: Publication
) -> tariff_publications.StartPublication:
    """What starts a publication again; what was told before is in the ledger."""
    organization = await db.get_one(Organization, publication.organization_id)
    tariff = await db.get_one(Tariff, publication.tariff_id)
    version = await db.get_one(TariffVersion, publication.version_id)
    return publication_start(publication, organization, tariff, version, rebuilt=True)


async def late_message(db: AsyncSession, session: Session) -> late_truth.StartLateTruth:
    """What starts LateTruth of a session."""
    start = await session_message(db, session)
    return late_truth.StartLateTruth(
        session_id=session.id,
        organization=start.organization,
        organization_id=session.organization_id,
        station=start.station,
        site_id=session.site_id,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind(Generic[Row]):
    """A type of workflow: the rows that say it should be running, and what starts it for one."""

    name: str
    id_of: Callable[[UUID], str]
    rows: Select[Row]
    key: InstrumentedAttribute[UUID]
    message: Callable[[AsyncSession, Row], Awaitable[Message]]

    async def after(self, db: AsyncSession, key: UUID) -> list[Row]:
        """The next page."""
        page = self.rows.where(self.key > key).order_by(self.key).limit(PAGE)
        return list(await db.scalars(page))

    async def startable(self, db: AsyncSession, row: Row) -> Startable:
        """The workflow of a row."""
        return Startable(
            name=self.name, workflow_id=self.id_of(row.id), message=await self.message(db, row)
        )


_SESSIONS = _Kind(
    name=sessions.WORKFLOW,
    id_of=session_workflow_id,
    rows=select(Session).where(
        Session.closed_at.is_(None), ~exists().where(Settlement.session_id == Session.id)
    ),
    key=Session.id,
    message=session_message,
)
_PAYMENTS = _Kind(
    name=payments.WORKFLOW,
    id_of=payment_workflow_id,
    rows=select(Payment).where(Payment.closed_at.is_(None)),
    key=Payment.id,
    message=payment_message,
)
_ORDERS = _Kind(
    name=orders.WORKFLOW,
    id_of=order_workflow_id,
    rows=select(Order).where(Order.state.in_(OPEN_ORDER_STATES)),
    key=Order.id,
    message=order_message,
)
_CERTIFICATES = _Kind(
    name=station_certificates.WORKFLOW,
    id_of=certificate_workflow_id,
    rows=select(CertificateRequest).where(CertificateRequest.state.in_(OPEN_REQUESTS)),
    key=CertificateRequest.id,
    message=certificate_message,
)
_PASSWORDS = _Kind(
    name=password_rotations.WORKFLOW,
    id_of=password_workflow_id,
    rows=select(PasswordRotation).where(PasswordRotation.state.in_(OPEN_ROTATIONS)),
    key=PasswordRotation.id,
    message=password_message,
)
_NETWORK = _Kind(
    name=network_changes.WORKFLOW,
    id_of=network_workflow_id,
    rows=select(NetworkChange).where(NetworkChange.state.in_(OPEN_CHANGES)),
    key=NetworkChange.id,
    message=network_message,
)
_SIMULATIONS = _Kind(
    name=tariff_simulations.WORKFLOW,
    id_of=simulation_workflow_id,
    rows=select(TariffSimulation).where(TariffSimulation.state.in_(OPEN_SIMULATIONS)),
    key=TariffSimulation.id,
    message=simulation_message,
)
_FEEDS = _Kind(
    name=spot_feeds.WORKFLOW,
    id_of=spot_feed_workflow_id,
    rows=select(SpotFeed).where(SpotFeed.retired_at.is_(None), SpotFeed.source == FILE),
    key=SpotFeed.id,
    message=feed_message,
)
_PUBLICATIONS = _Kind(
    name=tariff_publications.WORKFLOW,
    id_of=publication_workflow_id,
    rows=select(Publication).where(Publication.state.in_(OPEN_PUBLICATIONS)),
    key=Publication.id,
    message=publication_message,
)
_LATE = _Kind(
    name=late_truth.WORKFLOW,
    id_of=late_truth_workflow_id,
    rows=select(Session).where(
        Session.id.in_(select(LateFact.session_id).where(LateFact.state == "open"))
    ),
    key=Session.id,
    message=late_message,
)


async def startables(db: AsyncSession) -> AsyncIterator[Startable]:
    """Every workflow that the rows say should be running, in pages."""
    for kind in (
        _all(db, _SESSIONS),
        _all(db, _PAYMENTS),
        _all(db, _ORDERS),
        _all(db, _CERTIFICATES),
        _all(db, _PASSWORDS),
        _all(db, _NETWORK),
        _all(db, _SIMULATIONS),
        _all(db, _FEEDS),
        _all(db, _PUBLICATIONS),
        _all(db, _LATE),
    ):
        async for startable in kind:
            yield startable


async def _all(db: AsyncSession, kind: _Kind[Row]) -> AsyncIterator[Startable]:
    after = UUID(int=0)
    while rows := await kind.after(db, after):
        for row in rows:
            yield await kind.startable(db, row)
        after = rows[-1].id


async def startable_of(db: AsyncSession, workflow_id: str) -> Startable | None:
    """The workflow of this id, if its rows say that it should be running; else None.

    LateTruth is not asked for here: whoever finds it gone starts it with the fact at hand.
    """
    key = UUID(workflow_id.partition("-")[2])
    for kind in (
        _SESSIONS,
        _PAYMENTS,
        _ORDERS,
        _CERTIFICATES,
        _PASSWORDS,
        _NETWORK,
        _SIMULATIONS,
        _FEEDS,
        _PUBLICATIONS,
    ):
        if workflow_id == kind.id_of(key):
            row = await db.scalar(kind.rows.where(kind.key == key))
            return None if row is None else await kind.startable(db, row)
    return None
