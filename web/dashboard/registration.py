"""Letting a station in that came by itself, or keeping it out: as the API's PATCH does."""

from datetime import UTC, datetime

from starlette.responses import Response

from holdfast.services import audit, local_lists
from holdfast.services.outbox import notify
from holdfast.services.refusal import Invalid
from holdfast.services.stations import update_station
from web.rendering import segment
from web.visit import Visit, back_to

DECISIONS = {
    "accepted": "It is accepted: it hears so at its next boot.",
    "rejected": "It is rejected: it hears so at its next boot.",
}


async def decide_registration(visit: Visit) -> Response:
    """POST /stations/{identity}/registration: it hears of it at its next boot."""
    registration = visit.form.get("registration", "")
    if registration not in DECISIONS:
        raise Invalid("registration", registration, f"use one of {', '.join(DECISIONS)}")
    identity = visit.request.path_params["identity"]
    organization_id = visit.viewer.organization_id
    await update_station(visit.db, organization_id, identity, {"registration": registration})
    await local_lists.station_changed(visit.db, organization_id, identity, datetime.now(UTC))
    await audit.record(
        visit.db,
        organization_id,
        actor=visit.viewer.actor,
        action="station.change",
        subject=f"station:{identity}",
        details={"registration": registration},
    )
    await notify(visit.db, ["stations"])
    return back_to(f"/stations/{segment(identity)}", DECISIONS[registration])
