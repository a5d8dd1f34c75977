"""Every workflow by its type: its task queue, what starts it, what it hears.

Whoever starts or signals a workflow reads it here; the relay checks each payload against it before
sending, because the SDK silently drops a signal that does not decode.
"""

from collections.abc import Mapping
from dataclasses import dataclass

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
    ORDERS_QUEUE,
    PAYMENTS_QUEUE,
    SESSIONS_QUEUE,
    TARIFFS_QUEUE,
)


class UnknownName(ValueError):
    """No workflow of this type, or it hears no such signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowContract:
    """The type's name, its queue, its input, and its signals by name.

    A `standing` one runs for as long as what it looks after is in use: that it runs does not mean
    that there is work left.
    """

    name: str
    prefix: str  # of its ids
    queue: str
    start: type[Message]
    signals: Mapping[str, type[Message]]
    standing: bool = False


_ALL = (
    WorkflowContract(
        name=sessions.WORKFLOW,
        prefix="session-",
        queue=SESSIONS_QUEUE,
        start=sessions.StartSession,
        signals={
            sessions.TRANSACTION_STARTED: sessions.TransactionStartedSignal,
            sessions.CHARGING_STATE_CHANGED: sessions.ChargingStateSignal,
            sessions.TRANSACTION_ENDED: sessions.TransactionEndedSignal,
            sessions.TRIPWIRE_CROSSED: sessions.TripwireSignal,
            sessions.START_REFUSED: sessions.StartRefusedSignal,
            sessions.GAPS_CLOSED: sessions.EventSignal,
            sessions.METER_CORRECTED: sessions.EventSignal,
            sessions.TRANSACTION_STATUS_TOLD: sessions.TransactionStatusSignal,
            sessions.OPERATOR_DECIDED: sessions.OperatorDecision,
        },
    ),
    WorkflowContract(
        name=payments.WORKFLOW,
        prefix="payment-",
        queue=PAYMENTS_QUEUE,
        start=payments.StartPayment,
        signals={
            payments.PROVIDER_NOTICED: payments.NoticeSignal,
            payments.CAPTURE_ASKED: payments.AmountSignal,
            payments.RELEASE_ASKED: payments.ReasonSignal,
            payments.SESSION_CAME: payments.SessionSignal,
            payments.OPERATOR_DECIDED: payments.PaymentDecision,
        },
    ),
    WorkflowContract(
        name=orders.WORKFLOW,
        prefix="order-",
        queue=ORDERS_QUEUE,
        start=orders.StartOrder,
        signals={orders.STATION_CONNECTED: orders.EventSignal},
    ),
    WorkflowContract(
        name=late_truth.WORKFLOW,
        prefix="late-",
        queue=SESSIONS_QUEUE,
        start=late_truth.StartLateTruth,
        signals={late_truth.FACT_CAME_LATE: late_truth.EventSignal},
    ),
    WorkflowContract(
        name=station_certificates.WORKFLOW,
        prefix="cert-",
        queue=ORDERS_QUEUE,
        start=station_certificates.StartCertificate,
        signals={station_certificates.REQUEST_DECIDED: station_certificates.RequestDecision},
    ),
    WorkflowContract(
        name=password_rotations.WORKFLOW,
        prefix="password-",
        queue=ORDERS_QUEUE,
        start=password_rotations.StartRotation,
        signals={password_rotations.PASSWORD_SEEN: password_rotations.EventSignal},
    ),
    WorkflowContract(
        name=network_changes.WORKFLOW,
        prefix="network-",
        queue=ORDERS_QUEUE,
        start=network_changes.StartChange,
        signals={},
    ),
    WorkflowContract(
        name=tariff_publications.WORKFLOW,
        prefix="publication-",
        queue=TARIFFS_QUEUE,
        start=tariff_publications.StartPublication,
        signals={
            tariff_publications.PUBLICATION_CHANGED: tariff_publications.EventSignal,
            tariff_publications.OPERATOR_DECIDED: tariff_publications.PublicationDecision,
        },
        standing=True,
    ),
    WorkflowContract(
        name=tariff_simulations.WORKFLOW,
        prefix="simulation-",
        queue=TARIFFS_QUEUE,
        start=tariff_simulations.StartSimulation,
        signals={},
    ),
    WorkflowContract(
        name=spot_feeds.WORKFLOW,
        prefix="spot-",
        queue=TARIFFS_QUEUE,
        start=spot_feeds.StartSpotFeed,
        standing=True,
        signals={spot_feeds.FEED_CHANGED: spot_feeds.EventSignal},
    ),
)
BY_NAME: Mapping[str, WorkflowContract] = {contract.name: contract for contract in _ALL}
STANDING = tuple(contract.name for contract in _ALL if contract.standing)


def workflow_contract(name: str) -> WorkflowContract:
    """The contract of a workflow type. Raises `UnknownName`."""
    try:
        return BY_NAME[name]
    except KeyError:
        raise UnknownName(f"no workflow is called {name!r}") from None


def signal_message(workflow_id: str, signal: str) -> type[Message]:
    """What a signal to this id must carry. Raises `UnknownName`."""
    for contract in _ALL:
        if workflow_id.startswith(contract.prefix):
            message = contract.signals.get(signal)
            if message is None:
                raise UnknownName(f"{contract.name} hears no signal {signal!r}")
            return message
    raise UnknownName(f"no workflow has ids like {workflow_id!r}")
