"""OCPP 1.6 sections 4.8 (StartTransaction) and 4.10 (StopTransaction)."""

from datetime import datetime

from gateway.dialect import Outcome, Payload, Reading
from gateway.metering import samples
from gateway.reading import (
    Unreadable,
    digest,
    evse_if_any,
    instant,
    is_ours,
    milliwatthours,
    text,
    token_uid,
    transaction_id,
    whole,
)
from gateway.v16.authorize import id_tag_info
from gateway.v16.meter import unit_of
from holdfast.contracts.facts import Fact, TransactionEnded, TransactionStarted
from holdfast.domain.authorization import AuthorizationStatus, Decision

WATTHOUR = 1_000


def start_transaction(payload: Payload, received_at: datetime) -> Reading:
    """Section 4.8. The transaction's id is ours to give. The key is what stays the same when a
    station sends the start again under a new message id (systems E1)."""
    # Where it is not known, the session is kept all the same: always record (systems.md E5).
    number = evse_if_any(payload.get("connectorId")) or 0
    at, clock = instant(payload.get("timestamp"), received_at)
    uid = token_uid(payload, "idTag")
    return Reading(
        TransactionStarted(
            at=at,
            clock=clock,
            key=f"start|{number}|{uid}|{payload.get('timestamp')}|{payload.get('meterStart')}",
            evse=number,
            connector=1 if number else 0,
            token_uid=uid,
            meter_start_mwh=milliwatthours(payload.get("meterStart"), WATTHOUR),
            reservation_id=whole(payload.get("reservationId")),
        )
    )


def start_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """The decision and the transaction's id."""
    decision = outcome.decision or Decision(status=AuthorizationStatus.ACCEPTED)
    return {
        "idTagInfo": id_tag_info(decision, outcome.at),
        "transactionId": outcome.transaction_number or 0,
    }


def stop_transaction(payload: Payload, received_at: datetime) -> Reading:
    """Section 4.10. The first stop of a transaction wins; another one is flagged by its twin key.

    Ids that we cannot have given (-1, 0, 2^63-1: offline starts of several makes) are shared by
    many transactions, so there the key holds the whole message.
    """
    identifier = transaction_id(payload.get("transactionId"))
    if identifier is None:
        raise Unreadable("transactionId is missing")
    at, clock = instant(payload.get("timestamp"), received_at)
    given = is_ours(identifier)
    content = digest(payload)
    return Reading(
        TransactionEnded(
            at=at,
            clock=clock,
            key=f"stop|{identifier}" if given else f"stop|{identifier}|{content}",
            transaction_id=identifier,
            token_uid=token_uid(payload, "idTag"),
            meter_stop_mwh=milliwatthours(payload.get("meterStop"), WATTHOUR),
            reason=text(payload, "reason", 64),
            samples=samples(payload.get("transactionData"), received_at, unit_of),
        ),
        twin=f"stop|{identifier}|{content}" if given else None,
    )


def stop_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """The decision on the token that stopped it, where there was one."""
    if outcome.decision is None:
        return {}
    return {"idTagInfo": id_tag_info(outcome.decision, outcome.at)}
