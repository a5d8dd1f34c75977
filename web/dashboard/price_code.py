"""The code that a driver scans at an EVSE: a QR code of the address of its public price page."""

import io
from urllib.parse import quote

import segno
from sqlalchemy import select
from starlette.responses import Response

from holdfast.services.refusal import NotFound
from holdfast.services.scope import belongs
from holdfast.services.stations import find_station
from holdfast.store.tables import Evse
from web.driver.price_page import EVSE_MAX
from web.visit import Visit

ERROR_CORRECTION = "m"  # 15 % of it may be dirty
MODULE_PX = 8
QUIET_ZONE_MODULES = 4  # ISO/IEC 18004 section 9.1


async def show_code(visit: Visit) -> Response:
    """GET /stations/{identity}/evses/{evse}/qr.svg"""
    identity, number = visit.request.path_params["identity"], visit.request.path_params["evse"]
    station = await find_station(visit.db, visit.viewer.organization_id, identity)
    plain = number.isascii() and number.isdigit() and len(number) <= len(str(EVSE_MAX))
    known = plain and await visit.db.scalar(
        select(Evse.number).where(
            belongs(Evse, station.organization_id),
            Evse.station_id == station.id,
            Evse.number == int(number),
        )
    )
    if not known:
        raise NotFound("EVSE", f"{identity} {number}")
    # An installation that says no address of its own is reached where its operator reaches it.
    origin = visit.desk.settings.public_url or str(visit.request.base_url)
    address = price_page_url(origin, station.identity, int(number))
    return Response(
        code_svg(address),
        media_type="image/svg+xml",
        headers={"Content-Disposition": f'inline; filename="{_file_name(identity, number)}"'},
    )


def price_page_url(origin: str, identity: str, evse: int) -> str:
    """The address of a public price page. `origin` may end in a path of its own."""
    return f"{origin.rstrip('/')}/p/{quote(identity, safe='')}/{evse}"


def code_svg(text: str) -> bytes:
    """A picture of black modules on white, with the quiet zone that scanners need."""
    picture = io.BytesIO()
    segno.make_qr(text, error=ERROR_CORRECTION).save(
        picture,
        kind="svg",
        scale=MODULE_PX,
        border=QUIET_ZONE_MODULES,
        light="#fff",
        svgclass=None,
        lineclass=None,
        title=text,
    )
    return picture.getvalue()


def _file_name(identity: str, number: str) -> str:
    """An identity may hold what a header or a file's name may not."""
    plain = "".join(one if one.isascii() and one.isalnum() else "-" for one in identity)
    return f"price-{plain[:100]}-{number}.svg"
