"""Signed meter values: verified off the hot path, and held against what is billed.

A value is verified with the keys that a person stands for: typed in from the register, or confirmed
after the station told of them. A key that came beside the value proves nothing by itself.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from holdfast.contracts.ports import SignatureCheck, SignatureChecker
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.signed_energy import SignedEnd, evidence_findings, signed_energy
from holdfast.domain.signed_record import record_of
from holdfast.services.outbox import notify
from holdfast.services.scope import find, owned
from holdfast.services.timeline import open_review, record_event
from holdfast.store.tables import MeterKey, Session, SessionEvent, SignedReading

READINGS_MAX = 2_000
NO_RECORD = "its format is not OCMF: kept as it is, not verified"
KEYS_MAX = 50
CHECKED = "signatures_checked"


class ReadingsChanged(Exception):
    """Signed values of a session came while those before them were being verified: try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """The checks of a session's signed values, by the row's id, and the keys that they were made
    with. Made without a lock: checking takes long, and the writer must not wait for it."""

    checks: Mapping[UUID, SignatureCheck]
    key_ids: Mapping[tuple[int, str], UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the signed values of a session are worth."""

    readings: tuple[SignedReading, ...]
    signed_wh: int | None
    findings: tuple[Finding, ...]


async def list_signed_readings(
    db: AsyncSession, organization_id: UUID, session_id: UUID
) -> Sequence[SignedReading]:
    """Oldest first. Raises NotFound."""
    await find(db, Session, organization_id, session_id, "session")
    rows = await db.scalars(
        owned(SignedReading, organization_id)
        .where(SignedReading.session_id == session_id)
        .order_by(SignedReading.at, SignedReading.id)
        .limit(READINGS_MAX)
    )
    return rows.all()


async def verify_now(
    db: AsyncSession,
    organization_id: UUID,
    session_id: UUID,
    checker: SignatureChecker,
    now: datetime,
) -> Judgement:
    """Verify once more, on demand: a key was confirmed since, or the extra was installed.
    Raises NotFound."""
    session = await find(db, Session, organization_id, session_id, "session")
    judgement = await judge(db, session, await verdicts_of(db, session_id, checker), now)
    await notify(db, ["sessions"])
    return judgement


async def verdicts_of(db: AsyncSession, session_id: UUID, checker: SignatureChecker) -> Verdicts:
    """Verify what is stored of a session, on a transaction that locks nothing."""
    rows = (await db.scalars(_readings(session_id))).all()
    if not rows:
        return Verdicts(checks={}, key_ids={})
    keys = await _trusted_keys(db, rows[0].station_id)
    checks = await asyncio.to_thread(_check_all, checker, list(rows), keys)
    return Verdicts(
        checks={row.id: check for row, check in zip(rows, checks, strict=True)},
        key_ids={(key.evse, key.public_key): key.id for key in keys},
    )


async def judge(db: AsyncSession, session: Session, verdicts: Verdicts, now: datetime) -> Judgement:
    """Write the verdicts on the rows of a session; what they say against its energy. What only
    deserves a look becomes a review task. Raises ReadingsChanged for a row without a verdict."""
    rows = (await db.scalars(_readings(session.id).with_for_update())).all()
    if not rows:
        return Judgement(readings=(), signed_wh=None, findings=())
    if any(row.id not in verdicts.checks for row in rows):
        raise ReadingsChanged(f"session {session.id} got signed values meanwhile")
    checks = [verdicts.checks[row.id] for row in rows]
    for row, check in zip(rows, checks, strict=True):
        row.verified, row.problem, row.checked_at = check.verified, check.problem, now
        row.key_id = None
        if check.key is not None:
            ids = verdicts.key_ids
            row.key_id = ids.get((row.evse, check.key)) or ids.get((0, check.key))
    signed = signed_energy(list(_ends(checks)))
    findings = evidence_findings([row.verified for row in rows], signed, session.energy_wh)
    for finding in findings:
        if finding.severity is Severity.REVIEW:
            await open_review(db, session, kind=finding.code, details={"detail": finding.detail})
    await record_event(
        db,
        session,
        key=f"signatures:{now.isoformat()}",
        kind=CHECKED,
        at=now,
        details={
            "verified": sum(row.verified is True for row in rows),
            "wrong": sum(row.verified is False for row in rows),
            "undecided": sum(row.verified is None for row in rows),
            "findings": [
                {"code": found.code, "severity": found.severity.value, "detail": found.detail}
                for found in findings
            ],
        },
    )
    return Judgement(
        readings=tuple(rows),
        signed_wh=None if signed is None else (signed.energy_mwh + 500) // 1_000,
        findings=findings,
    )


def told_findings(session_id: UUID | InstrumentedAttribute[UUID]) -> "Select[Any]":
    """What the last check of a session's signed values found, as `Session.findings` are written."""
    return (
        select(SessionEvent.details["findings"])
        .where(SessionEvent.session_id == session_id, SessionEvent.kind == CHECKED)
        .order_by(SessionEvent.at.desc())
        .limit(1)
    )


def _readings(session_id: UUID) -> "Select[SignedReading]":
    """Of very many the oldest and the newest: begin and end are among them, whatever is between."""
    of = select(SignedReading.id).where(SignedReading.session_id == session_id)
    oldest = of.order_by(SignedReading.at, SignedReading.id).limit(READINGS_MAX // 2)
    newest = of.order_by(SignedReading.at.desc(), SignedReading.id.desc()).limit(READINGS_MAX // 2)
    return (
        select(SignedReading)
        .where(or_(SignedReading.id.in_(oldest), SignedReading.id.in_(newest)))
        .order_by(SignedReading.at, SignedReading.id)
    )


async def _trusted_keys(db: AsyncSession, station_id: UUID) -> list[MeterKey]:
    rows = await db.scalars(
        select(MeterKey)
        .where(
            MeterKey.station_id == station_id,
            MeterKey.confirmed_at.is_not(None),
            MeterKey.retired_at.is_(None),
        )
        .order_by(MeterKey.id.desc())
        .limit(KEYS_MAX)
    )
    return list(rows.all())


def _check_all(
    checker: SignatureChecker, rows: Sequence[SignedReading], keys: Sequence[MeterKey]
) -> list[SignatureCheck]:
    checks = []
    for row in rows:
        record = record_of(row.data.decode("utf-8", "replace"))
        if record is None:
            checks.append(SignatureCheck(verified=None, problem=NO_RECORD))
            continue
        fitting = [key.public_key for key in keys if key.evse in (0, row.evse) or not row.evse]
        checks.append(checker.check(record, fitting))
    return checks


def _ends(checks: Iterable[SignatureCheck]) -> Iterable[SignedEnd]:
    for check in checks:
        if check.verified is False:
            continue  # what is proven wrong says nothing of the energy
        for register in check.registers:
            yield SignedEnd(
                register_mwh=register.register_mwh,
                resolution_mwh=register.resolution_mwh,
                begins=register.begins,
                ends=register.ends,
                verified=check.verified is True,
            )
