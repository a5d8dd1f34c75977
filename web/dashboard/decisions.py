"""What people decide of a session, with a reason: forms that tell its workflow, and are audited."""

from datetime import timedelta
from uuid import UUID

from starlette.responses import Response

from holdfast.contracts.sessions import Decision
from holdfast.services.refusal import Invalid, NotFound
from holdfast.services.session_decisions import decide
from holdfast.services.station_commands import stop_session
from web.live_page import uuid_or_none
from web.visit import Visit, back_to

STOP_PATIENCE = timedelta(minutes=2)

RESOLUTIONS: dict[str, tuple[Decision, str]] = {
    "retry": ("retry", "Try again"),
    "settle_anyway": ("settle_anyway", "Settle as it is"),
}


def session_id_of(visit: Visit) -> UUID:
    """The id of the path. Raises NotFound where it is none."""
    session_id = uuid_or_none(visit.request.path_params["id"])
    if session_id is None:
        raise NotFound("session", visit.request.path_params["id"])
    return session_id


async def force_end(visit: Visit) -> Response:
    """POST /sessions/{id}/force-end: at its last register, without the station's word."""
    return await _decide(visit, "force_end", "force-end")


async def waive(visit: Visit) -> Response:
    """POST /sessions/{id}/waive: the driver owes nothing."""
    return await _decide(visit, "waive", "waive")


async def resolve(visit: Visit) -> Response:
    """POST /sessions/{id}/resolve: what waits for a person goes on as that person says."""
    name = visit.form.get("resolution", "")
    if name not in RESOLUTIONS:
        raise Invalid("resolution", name, f"use one of {', '.join(RESOLUTIONS)}")
    return await _decide(visit, RESOLUTIONS[name][0], "resolve")


async def stop(visit: Visit) -> Response:
    """POST /sessions/{id}/stop: order the station to stop; it ends when the station says so."""
    session_id = session_id_of(visit)
    await stop_session(
        visit.db,
        visit.viewer.organization_id,
        session_id,
        actor=visit.viewer.actor,
        not_after=visit.desk.pages.now() + STOP_PATIENCE,
    )
    return back_to(f"/sessions/{session_id}?done=stop")


async def _decide(visit: Visit, action: Decision, done: str) -> Response:
    session_id = session_id_of(visit)
    await decide(
        visit.db,
        visit.viewer.organization_id,
        session_id,
        action=action,
        reason=visit.reason(),
        actor=visit.viewer.actor,
    )
    return back_to(f"/sessions/{session_id}?done={done}")
