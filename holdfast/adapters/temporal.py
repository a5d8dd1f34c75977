"""The Temporal client that gateway, api, workers and the command line share.

One data converter everywhere. A payload codec (encryption, say) is handed to the composition roots,
and to all of them: `serve` of gateway, api and workers, and `rebuild` of the command line. Starting
a workflow sets its queue, ids and search attributes the same way whoever starts it.
"""

import asyncio
import random
from dataclasses import replace

import structlog
from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from holdfast.contracts.catalogue import workflow_contract
from holdfast.contracts.late_truth import StartLateTruth
from holdfast.contracts.message import Message
from holdfast.contracts.names import ORGANIZATION, PAYMENT_STATE, SESSION_STATE, SITE, STATION
from holdfast.contracts.network_changes import StartChange
from holdfast.contracts.orders import StartOrder
from holdfast.contracts.password_rotations import StartRotation
from holdfast.contracts.payments import StartPayment
from holdfast.contracts.sessions import StartSession
from holdfast.contracts.spot_feeds import StartSpotFeed
from holdfast.contracts.station_certificates import StartCertificate
from holdfast.contracts.tariff_publications import StartPublication
from holdfast.contracts.tariff_simulations import StartSimulation
from holdfast.domain.money import amount_text
from holdfast.settings import Settings

CONNECT_PAUSE_MAX_S = 5.0

log = structlog.get_logger()


def data_converter(codec: PayloadCodec | None = None) -> DataConverter:
    """Pydantic messages as JSON. With a codec, failures are encoded as well."""
    if codec is None:
        return pydantic_data_converter
    return replace(
        pydantic_data_converter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


async def connect(
    settings: Settings, *, identity: str | None = None, codec: PayloadCodec | None = None
) -> Client:
    """Connect once. Raises RuntimeError where Temporal does not answer."""
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=data_converter(codec),
        identity=identity,
    )


async def connect_for_ever(
    settings: Settings, *, identity: str | None = None, codec: PayloadCodec | None = None
) -> Client:
    """Connect, however long Temporal takes to come: run it as a task, ports open first."""
    pause = 0.2
    while True:
        try:
            return await connect(settings, identity=identity, codec=codec)
        except RuntimeError as error:
            log.warning(
                "temporal does not answer", address=settings.temporal_address, error=str(error)
            )
        await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - only spreads retries
        pause = min(CONNECT_PAUSE_MAX_S, pause * 1.6)


async def start_workflow(client: Client, name: str, workflow_id: str, message: Message) -> None:
    """Start by type name. Raises WorkflowAlreadyStartedError, RPCError, `UnknownName`.

    An id is used once, also after its workflow closed: a late event must not bring a billed
    session back. Only what was built again from its rows, and LateTruth, may run again.
    """
    contract = workflow_contract(name)
    again = isinstance(message, StartLateTruth) or bool(getattr(message, "rebuilt", False))
    await client.start_workflow(
        name,
        message,
        id=workflow_id,
        task_queue=contract.queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE
        if again
        else WorkflowIDReusePolicy.REJECT_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        search_attributes=_search_attributes(message),
        static_summary=summary_of(message),
    )


def _search_attributes(message: Message) -> TypedSearchAttributes:
    pairs: list[SearchAttributePair[str]] = []
    organization = getattr(message, "organization", None)
    station = getattr(message, "station", None)
    site = getattr(message, "site_id", None)
    if organization:
        pairs.append(SearchAttributePair(ORGANIZATION, str(organization)))
    if station:
        pairs.append(SearchAttributePair(STATION, str(station)))
    if site:
        pairs.append(SearchAttributePair(SITE, str(site)))
    if isinstance(message, StartSession):
        pairs.append(SearchAttributePair(SESSION_STATE, message.initial_state()))
    if isinstance(message, StartPayment):
        pairs.append(SearchAttributePair(PAYMENT_STATE, message.state))
    return TypedSearchAttributes(pairs)


KINDS = {"hold": "hold", "off_session": "charge"}


def summary_of(message: Message) -> str:
    """One line for the list in the Temporal UI: places and kinds, never a person."""
    if isinstance(message, StartSession):
        connector = "" if message.connector is None else f"/{message.connector}"
        return f"{message.station} · EVSE {message.evse}{connector}"
    if isinstance(message, StartPayment):
        amount = f"{KINDS[message.kind]} {amount_text(message.amount_minor, message.currency)}"
        return amount if message.station is None else f"{amount} · {message.station}"
    if isinstance(message, StartOrder):
        return f"{message.kind} · {message.station}"
    if isinstance(message, StartLateTruth):
        return f"late facts · {message.station}"
    if isinstance(message, StartCertificate):
        return f"certificate · {message.station}"
    if isinstance(message, StartRotation):
        return f"new password · {message.station}"
    if isinstance(message, StartChange):
        return f"network profile · {message.station}"
    return _summary_of_tariffs(message)


def _summary_of_tariffs(message: Message) -> str:
    if isinstance(message, StartPublication):
        return message.summary
    if isinstance(message, StartSimulation):
        return f"simulation · tariff {message.tariff}"
    if isinstance(message, StartSpotFeed):
        return f"market prices · {message.feed}"
    return ""
