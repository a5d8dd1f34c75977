"""Transactions become sessions: created, linked to an order, followed, ended. Pure on loaded rows.

A station's word is always kept: a start with an unknown token, an end without a start, a number
missing in between (systems.md E2 to E9).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.dialect import Outcome
from gateway.reading import is_ours
from gateway.writing import register, telling
from gateway.writing.authorizing import (
    decide_token,
    find_token,
    ordered_session,
    waits,
    without_token,
)
from gateway.writing.changes import Changes
from gateway.writing.course import change_state, counted, entry_ends, keep_samples, milestone
from gateway.writing.entry import Entry
from gateway.writing.loading import Loaded, normalised
from gateway.writing.session_row import SessionRow, new_id
from holdfast.contracts import sessions as contract
from holdfast.contracts.facts import (
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from holdfast.domain.authorization import AuthorizationStatus, Decision

TransactionFact = TransactionStarted | TransactionUpdated | TransactionEnded

GAPS_MAX = 10_000
START_MISSING = "start_missing"
BEGIN = "Transaction.Begin"


class CannotApply(Exception):
    """A fact about which nothing can be said: quarantined, and answered all the same."""


@dataclass(slots=True, kw_only=True)
class Book:
    """The loaded rows of a batch and what it changes."""

    loaded: Loaded
    changes: Changes
    start_timeout_s: int

    @property
    def window(self) -> timedelta:
        """How long an ordered session waits for its transaction."""
        return timedelta(seconds=self.start_timeout_s)


def start(book: Book, entry: Entry, fact: TransactionStarted) -> tuple[Outcome, SessionRow]:
    """A transaction began. 1.6: it gets its number here; 2.x: it may be known from later events."""
    number: int | None = None
    transaction_id = fact.transaction_id
    if transaction_id is None:
        number = book.loaded.numbers.pop()
        transaction_id = str(number)
    row = book.loaded.by_transaction.get((entry.station_id, transaction_id))
    if row is not None and row.ended_at is not None and fact.at > row.ended_at:
        row = None  # the station uses an old id again
    if row is None:
        row = _linked(book, entry, fact)
        if row is not None:
            _begin_ordered(book, entry, row, transaction_id, fact.at)
    if row is None:
        row = _new_session(book, entry, fact, transaction_id, started_at=fact.at)
        telling.tell_start(
            book.changes, row, book.loaded.stations[entry.station_id], book.start_timeout_s
        )
        milestone(book.changes, row, "started", fact.at)
    else:
        _start_came_late(row, fact.at)
    _place(row, fact.evse, fact.connector)
    decision = _token(book, entry, row, fact)
    change_state(book.changes, row, fact.charging_state, fact.at, entry.received_at)
    if fact.meter_start_mwh is not None:
        counted(book.changes, row, register.started(row, fact.meter_start_mwh, fact.at))
    _follow(book, entry, row, fact)
    return Outcome(at=entry.received_at, decision=decision, transaction_number=number), row


def update(book: Book, entry: Entry, fact: TransactionUpdated) -> tuple[Outcome, SessionRow]:
    """Something changed in a transaction; it may be the first that we hear of it."""
    row = book.loaded.by_transaction.get((entry.station_id, fact.transaction_id))
    if row is None:
        row = _linked(book, entry, fact)
        if row is not None:
            _begin_ordered(book, entry, row, fact.transaction_id, fact.at)
        else:
            row = _new_session(book, entry, fact, fact.transaction_id, started_at=fact.at)
            row.find(START_MISSING, "the first message was not the start", "note")
            telling.tell_start(
                book.changes, row, book.loaded.stations[entry.station_id], book.start_timeout_s
            )
            milestone(book.changes, row, "started", fact.at)
    elif fact.remote_start_number is not None and row.remote_start_number is None:
        row = _handed_over(book, entry, row, fact)
    elif row.started_at is not None and fact.at < row.started_at and row.found(START_MISSING):
        # The end came first: the session was under way at least since then.
        row.started_at = fact.at
    _place(row, fact.evse, fact.connector)
    decision = _token(book, entry, row, fact)
    change_state(book.changes, row, fact.charging_state, fact.at, entry.received_at)
    for sample in fact.samples:
        # Where the EVSE was not known at the start, this comes as charging begins (E01.FR.17).
        if sample.context == BEGIN and sample.energy_mwh is not None:
            counted(book.changes, row, register.started(row, sample.energy_mwh, sample.at))
    _follow(book, entry, row, fact)
    return Outcome(at=entry.received_at, decision=decision), row


def end(book: Book, entry: Entry, fact: TransactionEnded) -> tuple[Outcome, SessionRow]:
    """A transaction ended. Without a start the session is made here, with the energy that the
    message itself tells; where it tells none, CannotApply."""
    row = book.loaded.by_transaction.get((entry.station_id, fact.transaction_id))
    if row is not None and row.ended_at is not None and _shared_id(entry, fact):
        row = None  # the station calls many transactions by this id (systems.md E4)
    made = row is None
    if row is None:
        row = _ended_only(book, entry, fact)
    decision = _stopper(book, entry, fact)
    first = row.ended_at is None
    if first:
        row.ended_at = max(fact.at, row.started_at or fact.at)
        row.stop_reason = fact.reason
        row.charging_state = None if made else row.charging_state
        row.changed = True
    _follow(book, entry, row, fact)
    if fact.meter_stop_mwh is not None and row.meter_stop_mwh is None:
        counted(book.changes, row, register.stopped(row, fact.meter_stop_mwh, fact.at))
    elif first:
        counted(book.changes, row, register.ended(row))
    event_id = f"ended:{entry.key or fact.at.isoformat()}"
    if made:
        milestone(book.changes, row, "ended_without_start", fact.at)
        telling.tell_start(
            book.changes, row, book.loaded.stations[entry.station_id], book.start_timeout_s
        )
    elif first:
        telling.tell_ended(book.changes, row, event_id)
    milestone(book.changes, row, "ended", row.ended_at or fact.at, reason=fact.reason)
    return Outcome(at=entry.received_at, decision=decision), row


def _shared_id(entry: Entry, fact: TransactionEnded) -> bool:
    """Whether this is an id that we cannot have given to an OCPP 1.6 station: -1, 0, 2^63-1."""
    return entry.peer.dialect.protocol == "ocpp1.6" and not is_ours(fact.transaction_id)


def _linked(
    book: Book, entry: Entry, fact: TransactionStarted | TransactionUpdated
) -> SessionRow | None:
    """The ordered session that this transaction answers: by number in 2.x; in 1.6 by connector,
    token and time, and never to one that has its transaction already (systems.md E3)."""
    if fact.remote_start_number is not None:
        row = book.loaded.by_number.get(fact.remote_start_number)
        if row is not None and row.station_id == entry.station_id and row.closed_at is None:
            return row if row.transaction_id is None else None
        return None
    if fact.transaction_id is not None or fact.token_uid is None:
        return None
    row = ordered_session(entry, book.loaded, fact.token_uid, fact.at, book.window)
    candidates = [
        other
        for other in book.loaded.by_station.get(entry.station_id, ())
        if waits(other, fact.at, book.window)
        and other.evse in (0, fact.evse)
        and normalised(other.token_uid or "") == normalised(fact.token_uid)
    ]
    if row is None or not candidates:
        return None
    # One that was ordered for this very connector before one for any.
    return min(candidates, key=lambda other: (other.evse == 0, other.id))


def _begin_ordered(
    book: Book, entry: Entry, row: SessionRow, transaction_id: str, at: datetime
) -> None:
    row.transaction_id = transaction_id
    row.started_at = at
    row.changed = True
    book.loaded.by_transaction[(entry.station_id, transaction_id)] = row
    telling.signal(
        book.changes,
        row,
        contract.TRANSACTION_STARTED,
        contract.TransactionStartedSignal(event_id=f"started:{transaction_id}", at=at),
    )
    milestone(book.changes, row, "started", at, ordered=True)


def _handed_over(book: Book, entry: Entry, row: SessionRow, fact: TransactionUpdated) -> SessionRow:
    """A transaction that began with the cable and is now claimed by an order: the session without
    a driver ends here, the ordered one goes on from the present register."""
    ordered = book.loaded.by_number.get(fact.remote_start_number or 0)
    if (
        ordered is None
        or ordered is row
        or ordered.station_id != entry.station_id
        or ordered.transaction_id is not None
        or ordered.closed_at is not None
        or row.token_uid is not None
        or not row.running
    ):
        return row
    row.transaction_id = None
    row.ended_at = fact.at
    row.stop_reason = "HandedOver"
    row.changed = True
    telling.tell_ended(book.changes, row, f"handed_over:{entry.key}")
    milestone(book.changes, row, "handed_over", fact.at, to=str(ordered.id))
    _begin_ordered(book, entry, ordered, fact.transaction_id, fact.at)
    if row.meter_last_mwh is not None:
        counted(book.changes, ordered, register.started(ordered, row.meter_last_mwh, fact.at))
    ordered.sequence_last, ordered.sequence_gaps = row.sequence_last, row.sequence_gaps
    row.sequence_gaps = 0
    return ordered


def _new_session(
    book: Book,
    entry: Entry,
    fact: TransactionFact,
    transaction_id: str,
    *,
    started_at: datetime,
) -> SessionRow:
    station = book.loaded.stations[entry.station_id]
    row = SessionRow(
        id=new_id(entry.received_at),
        organization_id=entry.peer.organization_id,
        station_id=entry.station_id,
        site_id=station.site_id,
        created_at=entry.received_at,
        evse=fact.evse or 0,
        connector=fact.connector,
        transaction_id=transaction_id,
        started_at=started_at,
        reported_offline=fact.offline,
        new=True,
        changed=True,
    )
    if fact.clock != "ok":
        row.find("clock", f"the station's time was {fact.clock}; receipt counts")
    book.loaded.add(row)
    # The newest use of an id is meant from now on.
    book.loaded.by_transaction[(entry.station_id, transaction_id)] = row
    return row


def tells_energy(fact: TransactionEnded) -> bool:
    """Whether an end without a start is enough for a session."""
    registers = (sample for sample in fact.samples if sample.energy_mwh is not None)
    return fact.sequence is not None or any(registers)


def _ended_only(book: Book, entry: Entry, fact: TransactionEnded) -> SessionRow:
    if not tells_energy(fact):
        raise CannotApply("a stop of an unknown transaction that says nothing of its energy")
    started_at = min((sample.at for sample in fact.samples), default=fact.at)
    row = _new_session(book, entry, fact, fact.transaction_id, started_at=min(started_at, fact.at))
    row.find(START_MISSING, "the station reported an end without a start")
    book.changes.attached.append(row)
    if fact.token_uid is not None:
        _identify(entry, book, row, fact.token_uid, fact.token_type)
    return row


def _token(
    book: Book, entry: Entry, row: SessionRow, fact: TransactionStarted | TransactionUpdated
) -> Decision | None:
    """Decide on the token, and note it on a session that had none yet."""
    nobody = without_token(entry, fact.token_type)
    if nobody is not None:
        if row.token_uid is None and row.token_type is None:
            row.token_type, row.authorization = fact.token_type, nobody.status.value
            row.changed = True
        return nobody
    if fact.token_uid is None:
        return None
    same = row.token_uid is not None and normalised(row.token_uid) == normalised(fact.token_uid)
    if same and not row.new and row.authorization in (None, "accepted"):
        # Judged, or paid for, when it was ordered; a driver is not thrown out half-way.
        return Decision(status=AuthorizationStatus.ACCEPTED)
    token = find_token(entry, book.loaded, fact.token_uid, fact.token_type)
    starts = row if row.token_uid is None else None  # another token is there to stop it
    decision = decide_token(entry, book.loaded, token, fact.at, evse=row.evse, starting=starts)
    if row.token_uid is None:
        _identify(entry, book, row, fact.token_uid, fact.token_type)
        row.authorization = decision.status.value
        if not decision.accepted:
            row.find("token_not_accepted", f"the answer was {decision.status.value}")
    return decision


def _identify(entry: Entry, book: Book, row: SessionRow, uid: str, kind: str | None) -> None:
    token = find_token(entry, book.loaded, uid, kind)
    row.token_uid, row.token_type = uid, kind
    row.token_id = token.id if token else None
    row.account_id = token.account_id if token else None
    row.changed = True


def _stopper(book: Book, entry: Entry, fact: TransactionEnded) -> Decision | None:
    nobody = without_token(entry, fact.token_type)
    if nobody is not None or fact.token_uid is None:
        return nobody
    token = find_token(entry, book.loaded, fact.token_uid, fact.token_type)
    return decide_token(entry, book.loaded, token, fact.at)


def _follow(book: Book, entry: Entry, row: SessionRow, fact: TransactionFact) -> None:
    """What every message of a transaction tells: its number, its samples, that it was sent late."""
    if fact.offline and not row.reported_offline:
        row.reported_offline = True
    row.changed = True
    if fact.sequence is not None:
        _number(book, entry, row, fact.sequence, isinstance(fact, TransactionStarted))
    keep_samples(book.changes, entry, row, row.evse, fact.samples)


def _number(book: Book, entry: Entry, row: SessionRow, number: int, first: bool) -> None:
    if row.sequence_last is None:
        row.sequence_gaps = 0 if first else min(number, GAPS_MAX)
        row.sequence_last = number
        return
    if first and number < row.sequence_last:
        # Numbers below the start were never owed: some stations count on over transactions.
        row.sequence_gaps = max(0, row.sequence_gaps - number)
    if number > row.sequence_last:
        row.sequence_gaps = min(row.sequence_gaps + number - row.sequence_last - 1, GAPS_MAX)
        row.sequence_last = number
    elif (
        number < row.sequence_last
        and row.sequence_gaps
        and entry.finding != "sequence_repeated"  # that number was here before
    ):
        row.sequence_gaps -= 1
        if row.sequence_gaps == 0 and row.ended_at is not None and not entry_ends(entry):
            telling.signal(
                book.changes,
                row,
                contract.GAPS_CLOSED,
                contract.EventSignal(event_id=f"gaps:{entry.key}"),
            )


def _start_came_late(row: SessionRow, at: datetime) -> None:
    """The start of a session that other messages made, the end among them perhaps."""
    if row.started_at is None or at < row.started_at:
        row.started_at = at
        row.changed = True
    row.withdraw(START_MISSING)


def _place(row: SessionRow, evse: int | None, connector: int | None) -> None:
    if evse and row.evse == 0:
        row.evse = evse
        row.changed = True
    if connector and row.connector is None:
        row.connector = connector
        row.changed = True
