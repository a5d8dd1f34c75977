"""The receipt of a session: words for people, as JSON or as a page to print."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import HTMLResponse

from api.routes.fields import Output
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.principal import Reader
from holdfast.services.price_words.reader import negotiate
from holdfast.services.receipts import Receipt, receipt
from web.guard import HEADERS
from web.rendering import Pages

router = APIRouter(prefix="/sessions", tags=["sessions"], route_class=IdempotentRoute)

ACCEPT_LENGTH_MAX = 500
HTML, JSON = "text/html", "application/json"
PAGES = Pages()


class BillLineShown(Output):
    """A line: what, how much, at what price, and the amount with tax."""

    label: str
    note: str
    quantity: str
    unit_price: str
    vat: str
    amount: str
    net: str | None


class BillTaxShown(Output):
    """What is taxed at one rate."""

    rate: str
    net: str
    tax: str


class SumShown(Output):
    """A cap, a least or greatest price, or the rounding: what it adds to the lines."""

    label: str
    amount: str


class ReceiptShown(Output):
    """All texts are in `language` (a BCP 47 tag); amounts are in its formats, with the currency."""

    session: UUID
    language: str
    title: str
    operator: str
    station: str
    evse: int
    place: str | None
    started_at: datetime | None
    ended_at: datetime | None
    duration: str
    currency: str
    outcome: str | None
    lines: list[BillLineShown]
    sums: list[SumShown]
    taxes: list[BillTaxShown]
    net: str | None
    total: str
    notes: list[str]


@router.get(
    "/{session_id}/receipt",
    response_model=ReceiptShown,
    responses={200: {"content": {HTML: {"schema": {"type": "string"}}}}},
)
async def read_receipt(
    session_id: UUID,
    db: Db,
    holder: Reader,
    lang: Annotated[
        str | None,
        Query(max_length=20, description="A BCP 47 tag such as de-AT; else Accept-Language."),
    ] = None,
    accept: Annotated[str, Header(max_length=ACCEPT_LENGTH_MAX)] = JSON,
    accept_language: Annotated[str | None, Header(max_length=ACCEPT_LENGTH_MAX)] = None,
) -> Response | ReceiptShown:
    """The receipt as JSON, or as a page to print where `Accept` asks for text/html.

    409 while the session is not priced.
    """
    reader = negotiate(accept_language, wish=lang)
    found = await receipt(db, holder.organization_id, session_id, reader)
    if wants_html(accept):
        page = PAGES.page("driver/receipt.html", {"receipt": found, "reader": reader}, viewer=None)
        return HTMLResponse(page.body, headers={**HEADERS, "Content-Language": reader.tag})
    return to_receipt(found)


def wants_html(accept: str) -> bool:
    """Whether a page comes before JSON in what the client names; JSON where it names neither."""
    names = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return HTML in names and (JSON not in names or names.index(HTML) < names.index(JSON))


def to_receipt(found: Receipt) -> ReceiptShown:
    """As the API shows it."""
    bill = found.bill
    return ReceiptShown(
        session=found.session_id,
        language=found.locale,
        title=found.title,
        operator=found.operator,
        station=found.station,
        evse=found.evse,
        place=found.place,
        started_at=found.started_at,
        ended_at=found.ended_at,
        duration=found.duration,
        currency=found.currency,
        outcome=found.outcome,
        lines=[BillLineShown.model_validate(line) for line in bill.lines],
        sums=[SumShown(label=label, amount=amount) for label, amount in bill.sums],
        taxes=[BillTaxShown.model_validate(tax) for tax in bill.taxes],
        net=bill.net,
        total=bill.total,
        notes=list(bill.notes),
    )
