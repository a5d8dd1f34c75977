"""The power curve of a session as JSON, few enough points for a chart."""

from starlette.responses import JSONResponse, Response

from holdfast.services.meter_series import POINTS_DEFAULT, meter_series
from holdfast.services.refusal import NotFound
from web.live_page import uuid_or_none
from web.visit import Visit


async def show_power(visit: Visit) -> Response:
    """GET /sessions/{id}/power: `at` (Unix seconds), `power_w`, `energy_wh`, of equal length."""
    session_id = uuid_or_none(visit.request.path_params["id"])
    if session_id is None:
        raise NotFound("session", visit.request.path_params["id"])
    points = await meter_series(
        visit.db, visit.viewer.organization_id, session_id, points=POINTS_DEFAULT
    )
    return JSONResponse(
        {
            "at": [int(point.at.timestamp()) for point in points],
            "power_w": [point.power_w for point in points],
            "energy_wh": [point.energy_wh for point in points],
        }
    )
