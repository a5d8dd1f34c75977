"""Signed meter values: verified off the hot path, and held against what is billed.

A value is verified with the keys that a person stands for: typed in from the register, or confirmed
after the station told of them. A key that came beside the value proves nothing by itself.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.ports import SignatureCheck, SignatureChecker
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.signed_energy import SignedEnd, evidence_findings, signed_energy
from holdfast.domain.signed_record import record_of
from holdfast.services.outbox import notify
from holdfast.services.scope import find, owned
from holdfast.services.timeline import open_review, record_event
from holdfast.store.tables import MeterKey, Session, SignedReading

READINGS_MAX = 2_000
NO_RECORD = "its format is not OCMF: kept as it is, not verified"
KEYS_MAX = 50


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
    judgement = await judge(db, session, checker, now)
    await notify(db, ["sessions"])
    return judgement


async def judge(
    db: AsyncSession, session: Session, checker: SignatureChecker, now: datetime
) -> Judgement:
    """Verify the signed values of a session and write the result on their rows; what they say
    against its energy. What only deserves a look becomes a review task."""
    rows = (
        await db.scalars(
            select(SignedReading)
            .where(SignedReading.session_id == session.id)
            .order_by(SignedReading.at, SignedReading.id)
            .limit(READINGS_MAX)
            .with_for_update()
        )
    ).all()
    if not rows:
        return Judgement(readings=(), signed_wh=None, findings=())
    keys = await _trusted_keys(db, session.station_id)
    checks = await asyncio.to_thread(_check_all, checker, list(rows), keys)
    by_key = {(key.evse, key.public_key): key.id for key in keys}
    for row, check in zip(rows, checks, strict=True):
        row.verified, row.problem, row.checked_at = check.verified, check.problem, now
        row.key_id = None
        if check.key is not None:
            row.key_id = by_key.get((row.evse, check.key)) or by_key.get((0, check.key))
    signed = signed_energy(list(_ends(checks)))
    findings = evidence_findings([row.verified for row in rows], signed, session.energy_wh)
    for finding in findings:
        if finding.severity is Severity.REVIEW:
            await open_review(db, session, kind=finding.code, details={"detail": finding.detail})
    await record_event(
        db,
        session,
        key=f"signatures:{now.isoformat()}",
        kind="signatures_checked",
        at=now,
        details={
            "verified": sum(row.verified is True for row in rows),
            "wrong": sum(row.verified is False for row in rows),
            "undecided": sum(row.verified is None for row in rows),
        },
    )
    return Judgement(
        readings=tuple(rows),
        signed_wh=None if signed is None else (signed.energy_mwh + 500) // 1_000,
        findings=findings,
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
