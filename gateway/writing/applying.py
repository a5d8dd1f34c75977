"""One fact after the other, in the order of arrival, on the rows that were loaded for them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.dialect import TOTAL_COST, Outcome
from gateway.writing import sessions
from gateway.writing.authorizing import decide_token, find_token, ordered_session
from gateway.writing.certificates import request_certificate
from gateway.writing.course import change_state, keep_samples
from gateway.writing.entry import Entry
from gateway.writing.evidence import note_keys
from gateway.writing.keys import Claims
from gateway.writing.loading import TRANSACTION_FACTS, TransactionFact
from gateway.writing.session_row import SessionRow
from gateway.writing.sessions import Book, CannotApply
from gateway.writing.station_events import firmware_event, reservation_used, transaction_event
from holdfast.contracts.facts import (
    CertificateRequested,
    DataReceived,
    EventReported,
    Fact,
    FactsReported,
    FirmwareReported,
    MeterSampled,
    MonitorsCleared,
    MonitorsReported,
    ReportExpected,
    SettingsAnswered,
    StationBooted,
    StatusReported,
    TokenPresented,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
    VariablesReported,
)
from holdfast.domain.authorization import AuthorizationStatus, Decision

Payload = dict[str, Any]

VARIABLE_FACTS = (
    VariablesReported,
    ReportExpected,
    SettingsAnswered,
    MonitorsReported,
    MonitorsCleared,
)

# What an OCPP 1.6 connector status tells of the transaction on it.
CHARGING_STATES = {
    "charging": "charging",
    "suspended_ev": "suspended_ev",
    "suspended_evse": "suspended_evse",
    "finishing": "idle",
}


class Culprit(Exception):
    """A fact whose own content broke the code that applies it."""

    def __init__(self, entry: Entry, error: Exception) -> None:
        super().__init__(str(error))
        self.entry = entry
        self.error = error


def apply_all(entries: Sequence[Entry], book: Book, claims: Claims) -> list[Payload]:
    """The answers, in order. Raises Culprit for a fact that cannot even be refused."""
    answers: list[Payload] = []
    seen: dict[tuple[UUID, UUID], Payload] = {}
    for entry in entries:
        key = (entry.station_id, entry.key) if entry.key is not None else None
        repeated = key is not None and (key in seen or not claims.is_new(key))
        if key is not None and repeated and not _tells_more(entry, book, claims):
            answers.append(seen.get(key) or claims.stored.get(key, {}))
            _flag_other_stop(entry, book, claims)
            continue
        try:
            answer = _apply(entry, book, claims)
        except Exception as error:
            raise Culprit(entry, error) from error
        if key is not None:
            seen[key] = answer
        answers.append(answer)
    return answers


def _tells_more(entry: Entry, book: Book, claims: Claims) -> bool:
    """Another stop of a transaction of which the first said too little to make a session of it
    (charger-quirks 13). The first stays in quarantine."""
    fact = entry.fact
    return (
        isinstance(fact, TransactionEnded)
        and entry.twin is not None
        and claims.is_new((entry.station_id, entry.twin))
        and (entry.station_id, fact.transaction_id) not in book.loaded.by_transaction
        and sessions.tells_energy(fact)
    )


def _apply(entry: Entry, book: Book, claims: Claims) -> Payload:
    session_id: UUID | None = None
    if entry.fact is None:
        outcome = quarantine_outcome(entry, book)
        book.changes.quarantined.append((entry, entry.problem or "unreadable"))
    else:
        _flag_other_event(entry, book, claims)
        try:
            outcome, session_id = _outcome(entry, book)
        except CannotApply as problem:
            outcome = quarantine_outcome(entry, book)
            book.changes.quarantined.append((entry, str(problem)))
        else:
            if entry.replay_of is not None:
                book.changes.replayed.append(entry.replay_of)
    if entry.handler.asks and entry.fact is not None:
        entry.outcome = outcome
    answer = plain_answer(entry, outcome)
    if entry.key is not None and (answer or session_id is not None):
        book.changes.answers.append((entry, answer, session_id))
    return answer


def plain_answer(entry: Entry, outcome: Outcome) -> Payload:
    """The confirmation; for what could not be read, the one that accepts."""
    return entry.handler.answer(entry.fact or Fact(at=entry.received_at), outcome)


def quarantine_outcome(entry: Entry, book: Book) -> Outcome:
    """What the plain acceptance needs: a start of 1.6 gets its number even so."""
    accepted = Decision(status=AuthorizationStatus.ACCEPTED)
    number = book.loaded.numbers.pop() if entry.action == "StartTransaction" else None
    decision = accepted if entry.handler.lenient else None
    return Outcome(
        at=entry.received_at,
        decision=decision,
        transaction_number=number,
        registration=entry.peer.registration,
    )


def _outcome(entry: Entry, book: Book) -> tuple[Outcome, UUID | None]:
    fact = entry.fact
    usual = Outcome(at=entry.received_at)
    if isinstance(fact, MeterSampled):
        _meter(entry, book, fact)
        return usual, None
    if isinstance(fact, DataReceived):
        note_keys(book.changes, entry, fact)
        return usual, None
    if isinstance(fact, TRANSACTION_FACTS):
        return _transaction(entry, book, fact)
    if isinstance(fact, StatusReported):
        _status(entry, book, fact)
        return usual, None
    if isinstance(fact, StationBooted):
        book.changes.boots[entry.station_id] = (entry, fact)
        registration = book.loaded.stations[entry.station_id].registration
        return Outcome(at=entry.received_at, registration=registration), None
    if isinstance(fact, CertificateRequested):
        return _certificate(entry, book, fact), None
    if isinstance(fact, TokenPresented):
        return Outcome(at=entry.received_at, decision=_authorize(entry, book, fact)), None
    _keep(entry, book, fact)
    return usual, None


def _keep(entry: Entry, book: Book, fact: Fact | None) -> None:
    """What has no answer of its own, and is only kept."""
    if isinstance(fact, FirmwareReported):
        book.changes.firmware[entry.station_id] = (fact.status, fact.at)
        book.changes.events.append((entry, firmware_event(fact)))
    elif isinstance(fact, EventReported):
        book.changes.events.append((entry, fact))
    elif isinstance(fact, FactsReported):
        for one in fact.facts:
            _keep(entry, book, one)
    elif isinstance(fact, StatusReported):
        _status(entry, book, fact)
    elif isinstance(fact, VARIABLE_FACTS):
        book.changes.variables.append((entry, fact))


def _transaction(entry: Entry, book: Book, fact: TransactionFact) -> tuple[Outcome, UUID | None]:
    if fact.extras:
        book.changes.events.append((entry, transaction_event(fact)))
    reservation = getattr(fact, "reservation_id", None)
    if reservation is not None:
        book.changes.events.append((entry, reservation_used(fact, reservation)))
    if isinstance(fact, TransactionStarted):
        outcome, row = sessions.start(book, entry, fact)
        return outcome, row.id
    if isinstance(fact, TransactionUpdated):
        outcome, row = sessions.update(book, entry, fact)
        outcome = _with_cost(book, entry, outcome, row)
    else:
        outcome, row = sessions.end(book, entry, fact)
    return outcome, row.id if row.new else None


def _with_cost(book: Book, entry: Entry, outcome: Outcome, row: SessionRow) -> Outcome:
    """What the session costs so far, where that is known and fresh."""
    cost = book.loaded.costs.get(row.id)
    total = None if cost is None or row.ended_at is not None else cost.total(entry.received_at)
    return outcome if total is None else replace(outcome, details={TOTAL_COST: total})


def _certificate(entry: Entry, book: Book, fact: CertificateRequested) -> Outcome:
    station, lately = book.loaded.stations[entry.station_id], book.loaded.signing_requests
    so_far = lately.get(entry.station_id, 0)
    outcome, change = request_certificate(entry, fact, station, so_far)
    if change is not None:
        lately[entry.station_id] = so_far + 1
        book.changes.certificate_requests.append(change)
        book.changes.outbox.append(change.start)
    return outcome


def _authorize(entry: Entry, book: Book, fact: TokenPresented) -> Decision:
    if ordered_session(entry, book.loaded, fact.token_uid, fact.at, book.window) is not None:
        return Decision(status=AuthorizationStatus.ACCEPTED)
    token = find_token(entry, book.loaded, fact.token_uid, fact.token_type)
    return decide_token(entry, book.loaded, token, fact.at)


def _meter(entry: Entry, book: Book, fact: MeterSampled) -> None:
    row = None
    if fact.transaction_id is not None:
        row = book.loaded.by_transaction.get((entry.station_id, fact.transaction_id))
    elif fact.evse and entry.peer.dialect.protocol == "ocpp1.6":
        # Many stations leave the id out; the register is the connector's all the same.
        running = _running(entry, book, fact.evse)
        if running is not None and running.started_at is not None and fact.at >= running.started_at:
            row = running
    keep_samples(book.changes, entry, row, fact.evse, fact.samples)


def _status(entry: Entry, book: Book, fact: StatusReported) -> None:
    key = (entry.station_id, fact.evse, fact.connector)
    known = book.changes.statuses.get(key)
    if known is None or judged_at(entry, fact) >= judged_at(*known):
        book.changes.statuses[key] = (entry, fact)
    state = CHARGING_STATES.get(fact.status)
    if state is None or not fact.evse or entry.peer.dialect.protocol != "ocpp1.6":
        return
    row = _running(entry, book, fact.evse)
    if row is not None and row.started_at is not None and fact.at >= row.started_at:
        change_state(book.changes, row, state, fact.at, entry.received_at)


def judged_at(entry: Entry, fact: StatusReported) -> datetime:
    """The instant that a newer status must not lie before. A clock that is a little ahead must not
    hide the next status, which may come without a stamp."""
    return min(fact.at, entry.received_at)


def _running(entry: Entry, book: Book, evse: int) -> SessionRow | None:
    running = [
        row
        for row in book.loaded.by_station.get(entry.station_id, ())
        if row.running and row.evse == evse
    ]
    return max(running, key=lambda row: row.id) if running else None


def _flag_other_stop(entry: Entry, book: Book, claims: Claims) -> None:
    """The same transaction stopped twice, differently: the first wins and a person may look."""
    fact = entry.fact
    if entry.twin is None or not isinstance(fact, TransactionEnded) or fact.sequence is not None:
        return
    if claims.first((entry.station_id, entry.twin)):
        row = book.loaded.by_transaction.get((entry.station_id, fact.transaction_id))
        if row is not None:
            row.find(
                "second_stop_differs", "another stop came with other content; the first counts"
            )


def _flag_other_event(entry: Entry, book: Book, claims: Claims) -> None:
    """Two events under one number, different in content: both are kept."""
    fact = entry.fact
    if entry.twin is None or claims.first((entry.station_id, entry.twin)):
        return
    if getattr(fact, "sequence", None) is not None:
        entry.finding = "sequence_repeated"
        row = book.loaded.by_transaction.get(
            (entry.station_id, getattr(fact, "transaction_id", ""))
        )
        if row is not None:
            row.find("sequence_repeated", "two messages of one number differ; both are kept")
