"""Signed meter values of a session, and the keys of a station's meters."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from api.routes.fields import Because, Identity, Input, Output
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Page
from holdfast.http.principal import NetworkWriter, Reader, SessionDecider
from holdfast.services import audit, evidence, meter_keys
from holdfast.services.evidence import Judgement
from holdfast.services.ocmf import OcmfSignatures
from holdfast.store.tables import MeterKey, SignedReading

router = APIRouter(tags=["evidence"], route_class=IdempotentRoute)
SIGNATURES = OcmfSignatures()


class SignedReadingShown(Output):
    """A signed value. `data` is the text exactly as the station sent it."""

    id: UUID
    evse: int
    transaction_id: str | None
    received_at: datetime
    at: datetime
    context: str | None
    encoding: str | None
    signing_method: str | None
    data: str
    public_key: str | None = Field(description="As the station sent it, beside the value.")
    verified: bool | None = Field(description="Null: not decided; `problem` says why.")
    problem: str | None
    meter_key: UUID | None
    checked_at: datetime | None


class FindingShown(Output):
    """What a rule noticed."""

    code: str
    severity: str
    detail: str


class VerificationShown(Output):
    """What came of verifying a session's signed values."""

    items: list[SignedReadingShown]
    signed_wh: int | None = Field(
        description="What the meter signed for, from its begin to its end."
    )
    findings: list[FindingShown]


class MeterKeyShown(Output):
    """A meter's public key. It verifies while it is confirmed and not retired."""

    id: UUID
    evse: int = Field(description="0: of every EVSE of the station.")
    public_key: str = Field(description="DER (SubjectPublicKeyInfo) in hex.")
    source: str
    created_at: datetime
    confirmed_at: datetime | None
    retired_at: datetime | None


class NewMeterKey(Input):
    """A key from the public register or the meter's plate: hex or base64 of its DER, or PEM."""

    public_key: Annotated[str, StringConstraints(min_length=40, max_length=4_000)]
    evse: Annotated[int, Field(ge=0, le=1_000)] = 0


@router.get("/sessions/{session_id}/signed-readings")
async def list_signed_readings(
    session_id: UUID, db: Db, reader: Reader
) -> Page[SignedReadingShown]:
    """All of them, oldest first, with the exact text of each."""
    rows = await evidence.list_signed_readings(db, reader.organization_id, session_id)
    return Page(items=[to_reading(row) for row in rows])


@router.post("/sessions/{session_id}/signed-readings/verify")
async def verify_signed_readings(
    session_id: UUID, because: Because, db: Db, decider: SessionDecider
) -> VerificationShown:
    """Verify them again, with the keys that are confirmed now."""
    judged = await evidence.verify_now(
        db, decider.organization_id, session_id, SIGNATURES, datetime.now(UTC)
    )
    await audit.record(
        db,
        decider.organization_id,
        actor=decider.actor,
        action="session.verify_signatures",
        subject=f"session:{session_id}",
        reason=because.reason,
    )
    return to_verification(judged)


@router.get("/stations/{identity}/meter-keys")
async def list_meter_keys(identity: Identity, db: Db, reader: Reader) -> Page[MeterKeyShown]:
    """Newest first, the retired ones too."""
    rows = await meter_keys.list_keys(db, reader.organization_id, identity)
    return Page(items=[MeterKeyShown.model_validate(row) for row in rows])


@router.post("/stations/{identity}/meter-keys", status_code=201)
async def add_meter_key(
    identity: Identity, new: NewMeterKey, db: Db, writer: NetworkWriter
) -> MeterKeyShown:
    """Add a key that a person stands for."""
    row = await meter_keys.add_key(
        db,
        writer.organization_id,
        identity,
        evse=new.evse,
        public_key=new.public_key,
        checker=SIGNATURES,
        now=datetime.now(UTC),
    )
    await _audit(db, writer, "add", identity, row)
    return MeterKeyShown.model_validate(row)


@router.post("/stations/{identity}/meter-keys/{meter_key_id}/confirm")
async def confirm_meter_key(
    identity: Identity, meter_key_id: UUID, because: Because, db: Db, writer: NetworkWriter
) -> MeterKeyShown:
    """Stand for a key that the station told of."""
    row = await meter_keys.confirm_key(
        db, writer.organization_id, identity, meter_key_id, datetime.now(UTC)
    )
    await _audit(db, writer, "confirm", identity, row, because.reason)
    return MeterKeyShown.model_validate(row)


@router.post("/stations/{identity}/meter-keys/{meter_key_id}/retire")
async def retire_meter_key(
    identity: Identity, meter_key_id: UUID, because: Because, db: Db, writer: NetworkWriter
) -> MeterKeyShown:
    """It verifies nothing from now on."""
    row = await meter_keys.retire_key(
        db, writer.organization_id, identity, meter_key_id, datetime.now(UTC)
    )
    await _audit(db, writer, "retire", identity, row, because.reason)
    return MeterKeyShown.model_validate(row)


def to_reading(row: SignedReading) -> SignedReadingShown:
    """The answer."""
    return SignedReadingShown(
        id=row.id,
        evse=row.evse,
        transaction_id=row.transaction_id,
        received_at=row.received_at,
        at=row.at,
        context=row.context,
        encoding=row.encoding,
        signing_method=row.signing_method,
        data=row.data.decode("utf-8", "replace"),
        public_key=row.public_key,
        verified=row.verified,
        problem=row.problem,
        meter_key=row.key_id,
        checked_at=row.checked_at,
    )


def to_verification(judged: Judgement) -> VerificationShown:
    """The answer."""
    return VerificationShown(
        items=[to_reading(row) for row in judged.readings],
        signed_wh=judged.signed_wh,
        findings=[
            FindingShown(code=found.code, severity=found.severity.value, detail=found.detail)
            for found in judged.findings
        ],
    )


async def _audit(
    db: Db,
    writer: NetworkWriter,
    verb: str,
    identity: str,
    row: MeterKey,
    reason: str | None = None,
) -> None:
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action=f"meter_key.{verb}",
        subject=f"station:{identity}",
        reason=reason,
        details={"meter_key": str(row.id), "evse": row.evse, "public_key": row.public_key[:200]},
    )
