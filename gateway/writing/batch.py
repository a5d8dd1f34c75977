"""One batch, one transaction: claim keys, load, apply, save. The caller commits."""

from collections.abc import Sequence
from typing import Any

from gateway.writing.applying import apply_all, plain_answer, quarantine_outcome
from gateway.writing.certificates import count_requests, save_requests
from gateway.writing.changes import Changes
from gateway.writing.course import billed, correct, recount
from gateway.writing.entry import Entry, LogLine
from gateway.writing.evidence import attach_evidence, save_evidence
from gateway.writing.keys import Claims, claim, claims_of, save_answers
from gateway.writing.loading import Connection, Loaded, ask, loaded_of
from gateway.writing.saving import save_meters, save_sessions
from gateway.writing.sessions import Book
from gateway.writing.station_events import save_events
from gateway.writing.station_saving import (
    lines_of,
    save_lines,
    save_quarantine,
    save_replayed,
    save_stations,
)
from gateway.writing.variables import save_variables
from gateway.writing.waking import wake_accepted

Payload = dict[str, Any]

_NUMBERS = "SELECT nextval('transaction_numbers') FROM generate_series(1, %s)"


async def record(
    connection: Connection,
    entries: Sequence[Entry],
    lines: Sequence[LogLine],
    start_timeout_s: int,
) -> tuple[list[Payload], set[str]]:
    """Write everything that these messages say; their answers in order, and what changed.

    Raises psycopg's errors, and Culprit for a message that broke its own handling.
    """
    asked = await ask(connection, entries)
    claiming = await claim(connection, entries)
    loaded = await loaded_of(asked)
    claims = await claims_of(connection, claiming)
    claims.renew(entries)
    await _numbers(connection, entries, loaded, claims)
    await count_requests(connection, entries, loaded)
    book = Book(loaded=loaded, changes=Changes(), start_timeout_s=start_timeout_s)
    settled = billed(loaded)
    answers = apply_all(entries, book, claims)
    changes = book.changes
    await recount(connection, changes)
    correct(changes, settled)
    await save_sessions(connection, loaded, changes)
    if changes.meters:
        await save_meters(connection, changes.meters)
    if changes.signed or changes.meter_keys:
        await save_evidence(connection, changes)
    if changes.attached:
        await attach_evidence(connection, changes.attached)
    if changes.certificate_requests:
        await save_requests(connection, changes.certificate_requests)
    await save_stations(connection, changes)
    if changes.boots:
        await wake_accepted(connection, loaded, changes)
    if changes.boots or changes.variables or changes.events:
        await save_variables(connection, changes)
    if changes.events:
        await save_events(connection, changes.events)
        changes.topics.add("stations")
    await save_answers(connection, changes.answers)
    await save_quarantine(connection, changes.quarantined)
    await save_replayed(connection, changes)
    await save_lines(connection, [*lines, *lines_of(entries, answers)])
    changes.topics.add("frames")
    return answers, changes.topics


async def quarantine(
    connection: Connection, entry: Entry, problem: str, start_timeout_s: int
) -> Payload:
    """Keep one message that the database or its own handling refused, and say how to answer it.

    Its key is claimed too, so that sending it again changes nothing.
    """
    loaded = Loaded()
    claims = await claims_of(connection, await claim(connection, [entry]))
    key = (entry.station_id, entry.key) if entry.key is not None else None
    if key is not None and not claims.is_new(key):
        return claims.stored.get(key, {})
    await _numbers(connection, [entry], loaded, claims)
    book = Book(loaded=loaded, changes=Changes(), start_timeout_s=start_timeout_s)
    answer = plain_answer(entry, quarantine_outcome(entry, book))
    await save_quarantine(connection, [(entry, problem)])
    await save_answers(connection, [(entry, answer, None)] if answer else [])
    await save_lines(connection, lines_of([entry], [answer]))
    return answer


async def _numbers(
    connection: Connection, entries: Sequence[Entry], loaded: Loaded, claims: Claims
) -> None:
    """Transaction numbers for the new starts of 1.6, lowest last: they are popped."""
    count = sum(
        entry.action == "StartTransaction"
        and (entry.key is None or claims.is_new((entry.station_id, entry.key)))
        for entry in entries
    )
    if count:
        cursor = await connection.execute(_NUMBERS, (count,))
        loaded.numbers = [int(row[0]) for row in await cursor.fetchall()][::-1]
