"""How a session goes: its samples and register, its charging states, its milestones."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.writing import register, telling
from gateway.writing.arrays import pack
from gateway.writing.changes import Changes, MeterChange, Milestone, SignedChange
from gateway.writing.entry import Entry
from gateway.writing.loading import Connection, Loaded
from gateway.writing.session_row import SessionRow
from holdfast.contracts import sessions as contract
from holdfast.contracts.facts import Sample, TransactionEnded
from holdfast.domain.quality import RegisterReading

READINGS_MAX = 20_000
TICK = timedelta(microseconds=1)
SAME = 100 * TICK
EARLIER = timedelta(days=1)  # a message of a session may have been stored before its row was made

# The newest: of a session with more readings than any real one has, its start is named or lost.
_READINGS = """
SELECT session_id, sampled_at, energy_mwh FROM (
    SELECT m.session_id, m.sampled_at, m.energy_mwh,
           row_number() OVER (PARTITION BY m.session_id ORDER BY m.sampled_at DESC) AS n
    FROM meter_values m
    WHERE m.session_id = ANY(%s::uuid[]) AND m.energy_mwh IS NOT NULL AND m.received_at >= %s
) found WHERE n <= %s
"""


def keep_samples(
    changes: Changes,
    entry: Entry,
    row: SessionRow | None,
    evse: int,
    samples: Sequence[Sample],
) -> None:
    """Store samples, and follow the register of the session where there is one."""
    for sample in samples:
        changes.meters.append(MeterChange(entry, row.id if row else None, evse, sample))
        changes.signed.extend(SignedChange(entry, row, evse, sample, one) for one in sample.signed)
    if row is None:
        return
    before = row.energy_wh
    for sample in samples:
        if sample.energy_mwh is not None and (row.ended_at is None or sample.at <= row.ended_at):
            counted(changes, row, register.sampled(row, sample.energy_mwh, sample.at))
    if row.charging_state is None and row.energy_wh > before and row.ended_at is None:
        # OCPP 1.6 tells states by connector, and "Charging" may come before its transaction.
        at = row.started_at or samples[0].at
        change_state(changes, row, "charging", at, entry.received_at)
    if row.last_seen_at is None or entry.received_at > row.last_seen_at:
        row.last_seen_at = entry.received_at
        row.metered = True
    if row.ended_at is None and row.ended_by_us_at is None:
        telling.tell_tripwire(changes, row)


def counted(changes: Changes, row: SessionRow, odd: bool) -> None:
    """Note a session whose readings must be looked at together."""
    if odd:
        changes.recounts[row.id] = row


def change_state(
    changes: Changes, row: SessionRow, state: str | None, at: datetime, received_at: datetime
) -> None:
    """The charging state at an instant; only a newer one becomes the present one.

    One that comes after the end is kept as well: the price is cut where the car paused.
    """
    if state is None:
        return
    known_at = row.charging_state_at
    if known_at is not None and state != row.charging_state and known_at - SAME < at <= known_at:
        # Two in one second of the station's clock: the one that it sent later holds after it.
        at = known_at + TICK
    changes.states.append((row, at, state))
    if row.ended_at is not None:
        return
    if row.charging_state_at is not None and at < row.charging_state_at:
        return
    if row.charging_state != state:
        known = row.charging_state is not None and not row.new
        row.charging_state = state
        if known:
            telling.tell_state(changes, row, at, received_at)
        milestone(changes, row, state, at)
    row.charging_state_at = at
    row.changed = True


def milestone(changes: Changes, row: SessionRow, kind: str, at: datetime, **values: object) -> None:
    """A line of the timeline."""
    key = f"{kind}:{at.isoformat()}"
    changes.milestones.append(Milestone(row, key, at, kind, telling.details(**values)))


async def recount(connection: Connection, changes: Changes) -> None:
    """Count those sessions anew whose readings are not simply one above the other.

    Rare, so it may ask: the readings that were stored before, and those of this batch.
    """
    rows = changes.recounts
    if not rows:
        return
    readings: dict[object, list[RegisterReading]] = {row_id: [] for row_id in rows}
    since = min(row.created_at for row in rows.values()) - EARLIER
    old = [row.id for row in rows.values() if not row.new]
    if old:
        cursor = await connection.cursor(binary=True).execute(
            _READINGS, (pack("uuid", old), since, READINGS_MAX)
        )
        for session_id, at, energy_mwh in await cursor.fetchall():
            readings[session_id].append(RegisterReading(at=at, register_mwh=energy_mwh))
    for item in changes.meters:
        if item.session_id in readings and item.sample.energy_mwh is not None:
            reading = RegisterReading(at=item.sample.at, register_mwh=item.sample.energy_mwh)
            readings[item.session_id].append(reading)
    for row in rows.values():
        register.recount(row, readings[row.id])
        if row.ended_at is None and row.ended_by_us_at is None:
            telling.tell_tripwire(changes, row)


Billed = tuple[int, datetime | None, datetime | None]


def billed(loaded: Loaded) -> list[tuple[SessionRow, Billed]]:
    """Sessions that are settled, with what they were settled on."""
    return [(row, _billed(row)) for row in loaded.sessions.values() if row.settled]


def correct(changes: Changes, before: Sequence[tuple[SessionRow, Billed]]) -> None:
    """Tell of settled sessions of which the station now says something else, or something more of
    how they went: the same energy at other times may have another price."""
    for row, was in before:
        if _billed(row) != was:
            energy_wh, started_at, ended_at = _billed(row)
            event_id = f"corrected:{energy_wh}:{started_at}:{ended_at}:{row.last_seen_at}"
            telling.signal(
                changes, row, contract.METER_CORRECTED, contract.EventSignal(event_id=event_id)
            )
        elif row.last_seen_at is not None and _goes_otherwise(changes, row):
            telling.tell_course(changes, row, row.last_seen_at)


def _goes_otherwise(changes: Changes, row: SessionRow) -> bool:
    """Whether there is more of its course than before. What was read as it ended is no news."""
    ended_at = row.ended_at or row.ended_by_us_at
    if ended_at is None:
        return False
    told = (item.sample.at for item in changes.meters if item.session_id == row.id)
    paused = (at for other, at, _ in changes.states if other is row)
    return any(at < ended_at for at in (*told, *paused))


def _billed(row: SessionRow) -> Billed:
    return row.energy_wh, row.started_at, row.ended_at


def entry_ends(entry: Entry) -> bool:
    """Whether the message is itself an end, which tells the workflow in its own way."""
    return isinstance(entry.fact, TransactionEnded)
