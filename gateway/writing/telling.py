"""What workflows are told of a session: its start, and signals, of which it gets at most twenty."""

from datetime import datetime, timedelta
from typing import Any

from gateway.writing.changes import Changes, OutboxChange
from gateway.writing.loading import StationRow
from gateway.writing.session_row import SessionRow
from holdfast.contracts import sessions as contract
from holdfast.contracts.message import Message
from holdfast.contracts.names import session_workflow_id

SIGNALS_MAX = 20
INFORMATIVE_MAX = 14  # the last places are for tripwires, gaps, corrections and the end
DEBOUNCE = timedelta(seconds=10)


def tell_start(changes: Changes, row: SessionRow, station: StationRow, timeout_s: int) -> None:
    """A session that the station began: start its workflow."""
    changes.outbox.append(
        OutboxChange(
            organization_id=row.organization_id,
            workflow_id=session_workflow_id(row.id),
            operation="start",
            name=contract.WORKFLOW,
            message=contract.StartSession(
                session_id=row.id,
                organization=station.organization,
                organization_id=row.organization_id,
                site_id=row.site_id,
                station=station.identity,
                evse=row.evse,
                connector=row.connector,
                started_at=row.started_at,
                ended_at=row.ended_at,
                complete=row.sequence_gaps == 0,
                start_timeout_s=timeout_s,
            ),
        )
    )


def signal(
    changes: Changes,
    row: SessionRow,
    name: str,
    message: Message,
    *,
    places_max: int = SIGNALS_MAX - 1,
    due_at: datetime | None = None,
) -> bool:
    """One signal, if the session still has a place for it. The end always has one."""
    if row.signals_sent >= places_max:
        return False
    row.signals_sent += 1
    row.changed = True
    changes.outbox.append(
        OutboxChange(
            organization_id=row.organization_id,
            workflow_id=session_workflow_id(row.id),
            operation="signal",
            name=name,
            message=message,
            due_at=due_at,
        )
    )
    return True


def tell_state(changes: Changes, row: SessionRow, at: datetime, received_at: datetime) -> None:
    """The car paused or went on. A newer word replaces an unsent one."""
    workflow_id = session_workflow_id(row.id)
    changes.undebounce.add((workflow_id, contract.CHARGING_STATE_CHANGED))
    message = contract.ChargingStateSignal(
        event_id=f"state:{at.isoformat()}:{row.charging_state}",
        at=at,
        state=row.charging_state or "",
    )
    due_at = received_at + DEBOUNCE
    changes.debounced[workflow_id] = (row, contract.CHARGING_STATE_CHANGED, message, due_at)


def tell_course(changes: Changes, row: SessionRow, received_at: datetime) -> None:
    """More is known of how a settled session went. A station that was offline tells it one message
    at a time; one word that all of it came is enough."""
    workflow_id = session_workflow_id(row.id)
    changes.undebounce.add((workflow_id, contract.METER_CORRECTED))
    message = contract.EventSignal(event_id=f"course:{received_at.isoformat()}")
    due_at = received_at + DEBOUNCE
    changes.debounced[workflow_id] = (row, contract.METER_CORRECTED, message, due_at)


def place_debounced(changes: Changes) -> None:
    """Give the debounced signals their places, after those that they replace gave theirs back:
    counted before, a session that pauses often would use up its places with signals unsent."""
    for row, name, message, due_at in changes.debounced.values():
        informative = name == contract.CHARGING_STATE_CHANGED
        places_max = INFORMATIVE_MAX if informative else SIGNALS_MAX - 1
        signal(changes, row, name, message, places_max=places_max, due_at=due_at)


def tell_ended(changes: Changes, row: SessionRow, event_id: str) -> None:
    """The end. What was still to be said of the charging state no longer matters."""
    workflow_id = session_workflow_id(row.id)
    changes.undebounce.add((workflow_id, contract.CHARGING_STATE_CHANGED))
    changes.debounced.pop(workflow_id, None)
    assert row.ended_at is not None  # noqa: S101 - told only of an ended session
    signal(
        changes,
        row,
        contract.TRANSACTION_ENDED,
        contract.TransactionEndedSignal(
            event_id=event_id,
            at=row.ended_at,
            reason=row.stop_reason,
            complete=row.sequence_gaps == 0,
        ),
        places_max=SIGNALS_MAX,
    )


def tell_tripwire(changes: Changes, row: SessionRow) -> None:
    """Claim and report the energy tripwire, once per version (DESIGN 2, step 7)."""
    if (
        row.energy_threshold_mwh is None
        or row.fired_version >= row.tripwire_version
        or row.energy_wh * 1000 < row.energy_threshold_mwh
    ):
        return
    message = contract.TripwireSignal(
        event_id=contract.tripwire_event_id(row.id, row.tripwire_version),
        version=row.tripwire_version,
    )
    if signal(changes, row, contract.TRIPWIRE_CROSSED, message):
        row.fired_version = row.tripwire_version
        row.changed = True


def details(**values: Any) -> dict[str, Any]:
    """A milestone's details without the empty ones."""
    return {name: value for name, value in values.items() if value is not None}
