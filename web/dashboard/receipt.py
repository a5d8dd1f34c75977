"""The receipt of a session as a page of its own, to print or to hand on."""

from starlette.responses import Response

from holdfast.services.price_words.reader import negotiate
from holdfast.services.receipts import receipt
from holdfast.services.refusal import NotFound
from web.live_page import uuid_or_none
from web.visit import Visit

LANGUAGE_LENGTH_MAX = 20


async def show_receipt(visit: Visit) -> Response:
    """GET /sessions/{id}/receipt?lang="""
    request = visit.request
    session_id = uuid_or_none(request.path_params["id"])
    if session_id is None:
        raise NotFound("session", request.path_params["id"])
    wish = request.query_params.get("lang")
    reader = negotiate(
        request.headers.get("accept-language"),
        wish=None if wish is None else wish[:LANGUAGE_LENGTH_MAX],
    )
    found = await receipt(visit.db, visit.viewer.organization_id, session_id, reader)
    answer = visit.page("driver/receipt.html", receipt=found, reader=reader)
    answer.headers["Content-Language"] = reader.tag
    return answer
