"""Signed meter values of a session, and the keys of a station's meters."""

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, Response

from holdfast.services import audit, evidence, meter_keys
from holdfast.services.ocmf import OcmfSignatures
from holdfast.services.refusal import Invalid, NotFound
from holdfast.services.scope import find, owned
from holdfast.store.tables import MeterKey, Session, SignedReading
from web.live_page import uuid_or_none
from web.rendering import segment
from web.visit import Visit, back_to

SIGNATURES = OcmfSignatures()
SHOWN_LENGTH = 2_000
EVSE_MAX = 1_000
RESULTS = {True: "verified", False: "does not fit its signature", None: "not verified"}
DECIDED = {
    "confirm": "The key is confirmed: values are verified with it from now on.",
    "retire": "The key is retired.",
}
SOURCES = {
    "register": "Typed in from the register",
    "data_transfer": "Told by the station",
    "signed_value": "Came beside a signed value",
}


async def signed_words(
    db: AsyncSession, organization_id: UUID, session_id: UUID | None
) -> str | None:
    """What came of a session's signed values, in a few words; None where it has none."""
    rows = await db.execute(
        owned(SignedReading, organization_id)
        .where(SignedReading.session_id == session_id)
        .with_only_columns(SignedReading.verified, func.count())
        .group_by(SignedReading.verified)
    )
    counts: Counter[bool | None] = Counter()
    for verdict, number in rows:
        counts[verdict] = number
    parts = [f"{counts[value]} {word}" for value, word in RESULTS.items() if counts[value]]
    return ", ".join(parts) or None


async def show_signed_readings(visit: Visit) -> Response:
    """GET /sessions/{id}/signed-readings"""
    session = await _session(visit)
    rows = await evidence.list_signed_readings(visit.db, visit.viewer.organization_id, session.id)
    return visit.page(
        "signed_readings.html",
        session=session,
        lines=[(row, row.data.decode("utf-8", "replace")[:SHOWN_LENGTH]) for row in rows],
        results=RESULTS,
    )


async def download_signed_readings(visit: Visit) -> Response:
    """GET /sessions/{id}/signed-readings.json: the exact texts, for the transparency software."""
    session = await _session(visit)
    rows = await evidence.list_signed_readings(visit.db, visit.viewer.organization_id, session.id)
    body = [
        {
            "at": row.at.isoformat(),
            "received_at": row.received_at.isoformat(),
            "context": row.context,
            "encoding": row.encoding,
            "data": row.data.decode("utf-8", "replace"),
            "public_key": row.public_key,
            "verified": row.verified,
            "problem": row.problem,
        }
        for row in rows
    ]
    name = f'attachment; filename="signed-readings-{session.id}.json"'
    return JSONResponse(body, headers={"Content-Disposition": name})


async def verify(visit: Visit) -> Response:
    """POST /sessions/{id}/signed-readings/verify"""
    session = await _session(visit)
    await evidence.verify_now(
        visit.db, visit.viewer.organization_id, session.id, SIGNATURES, datetime.now(UTC)
    )
    await audit.record(
        visit.db,
        visit.viewer.organization_id,
        actor=visit.viewer.actor,
        action="session.verify_signatures",
        subject=f"session:{session.id}",
    )
    return back_to(f"/sessions/{session.id}/signed-readings", "They were verified again.")


async def show_meter_keys(visit: Visit) -> Response:
    """GET /stations/{identity}/meter-keys"""
    identity = visit.request.path_params["identity"]
    keys = await meter_keys.list_keys(visit.db, visit.viewer.organization_id, identity)
    return visit.page("meter_keys.html", identity=identity, keys=keys, sources=SOURCES)


async def add_key(visit: Visit) -> Response:
    """POST /stations/{identity}/meter-keys"""
    identity = visit.request.path_params["identity"]
    evse = visit.form.get("evse", "").strip() or "0"
    if not evse.isascii() or not evse.isdigit() or int(evse[:9]) > EVSE_MAX:
        raise Invalid("evse", evse, f"write a number from 0 to {EVSE_MAX}")
    row = await meter_keys.add_key(
        visit.db,
        visit.viewer.organization_id,
        identity,
        evse=int(evse),
        public_key=visit.form.get("public_key", ""),
        checker=SIGNATURES,
        now=datetime.now(UTC),
    )
    await _audit(visit, "add", identity, row, None)
    return _keys_of(visit, "The key was added.")


async def decide_key(visit: Visit) -> Response:
    """POST /stations/{identity}/meter-keys/{id}/{decision}: confirm or retire."""
    identity = visit.request.path_params["identity"]
    decision = visit.request.path_params["decision"]
    key_id = uuid_or_none(visit.request.path_params["id"])
    if key_id is None or decision not in ("confirm", "retire"):
        raise NotFound("meter key", visit.request.path_params["id"])
    decide = meter_keys.confirm_key if decision == "confirm" else meter_keys.retire_key
    row = await decide(visit.db, visit.viewer.organization_id, identity, key_id, datetime.now(UTC))
    await _audit(visit, decision, identity, row, visit.form.get("reason", "").strip()[:500])
    return _keys_of(visit, DECIDED[decision])


def _keys_of(visit: Visit, said: str) -> Response:
    return back_to(f"/stations/{segment(visit.request.path_params['identity'])}/meter-keys", said)


async def _session(visit: Visit) -> Session:
    session_id = uuid_or_none(visit.request.path_params["id"])
    if session_id is None:
        raise NotFound("session", visit.request.path_params["id"])
    return await find(visit.db, Session, visit.viewer.organization_id, session_id, "session")


async def _audit(visit: Visit, verb: str, identity: str, row: MeterKey, reason: str | None) -> None:
    await audit.record(
        visit.db,
        visit.viewer.organization_id,
        actor=visit.viewer.actor,
        action=f"meter_key.{verb}",
        subject=f"station:{identity}",
        reason=reason or None,
        details={"meter_key": str(row.id), "evse": row.evse, "public_key": row.public_key[:200]},
    )
