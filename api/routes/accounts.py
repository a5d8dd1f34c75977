"""Accounts: who pays for tokens, and with which card."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import StringConstraints

from api.routes.fields import Input, Name, Output, PaymentMethod
from api.routes.fields import Query as QueryText
from holdfast.adapters.saved_cards import (
    CardNeedsDriver,
    CardRefused,
    CardsUnavailable,
    StripeCards,
)
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import DriverWriter, Reader
from holdfast.http.problems import Problem
from holdfast.http.wrong_values import Said
from holdfast.services import accounts, audit
from holdfast.store.tables import Account

router = APIRouter(prefix="/accounts", tags=["accounts"], route_class=IdempotentRoute)

Billing = Literal["card", "invoice", "free"]
Email = Annotated[
    str,
    StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$"),
    Said("use a mail address, such as ada@example.org"),
]


class AccountShown(Output):
    """Who pays. `has_card`: a card is saved for charges without the driver."""

    id: UUID
    name: str
    email: str | None
    billing: str
    user_group: UUID | None
    has_card: bool
    card_brand: str | None
    card_last4: str | None
    blocked_at: datetime | None
    created_at: datetime


class NewAccount(Input):
    """`billing`: by saved card after each session, by invoice, or not at all."""

    name: Name
    billing: Billing
    email: Email | None = None
    user_group: UUID | None = None


class AccountChange(Input):
    """Only the fields that are sent are changed."""

    name: Name | None = None
    billing: Billing | None = None
    email: Email | None = None
    user_group: UUID | None = None
    blocked: bool | None = None


class CardForm(Input):
    """The id of a Stripe payment method, made by Stripe's own form; never a card number."""

    payment_method: PaymentMethod


@router.get("")
async def list_accounts(
    db: Db,
    reader: Reader,
    asked: Asked,
    query: Annotated[QueryText | None, Query(description="Part of name or address.")] = None,
    user_group: UUID | None = None,
) -> Page[AccountShown]:
    """Oldest first."""
    rows = await accounts.list_accounts(
        db, reader.organization_id, asked, query=query, user_group_id=user_group
    )
    return page(rows, to_account)


@router.post("", status_code=201)
async def make_account(new: NewAccount, db: Db, writer: DriverWriter) -> AccountShown:
    """Make an account; attach a card afterwards."""
    row = await accounts.create_account(db, writer.organization_id, _columns(new.model_dump()))
    await _audit(db, writer, "create", row, ["billing"])
    return to_account(row)


@router.get("/{account_id}")
async def read_account(account_id: UUID, db: Db, reader: Reader) -> AccountShown:
    """One account."""
    return to_account(await accounts.get_account(db, reader.organization_id, account_id))


@router.patch("/{account_id}")
async def change_account(
    account_id: UUID, change: AccountChange, db: Db, writer: DriverWriter
) -> AccountShown:
    """Only the fields that are sent are changed. A blocked account's tokens cannot start here."""
    values = _columns(change.model_dump(exclude_unset=True))
    blocked = values.pop("blocked", None)
    for name in ("name", "billing"):
        if values.get(name, "") is None:
            del values[name]
    row = await accounts.update_account(
        db, writer.organization_id, account_id, values, blocked=blocked
    )
    fields = sorted([*values, *(["blocked"] if blocked is not None else [])])
    await _audit(db, writer, "change", row, fields)
    return to_account(row)


@router.post("/{account_id}/cards", status_code=201)
async def attach_card(
    account_id: UUID, form: CardForm, request: Request, db: Db, writer: DriverWriter
) -> AccountShown:
    """Save a card for charges without the driver; it replaces the one before."""
    cards: StripeCards | None = request.app.state.cards
    if cards is None:
        raise Problem(503, "payments-not-configured", "no Stripe key is configured")
    account = await accounts.get_account(db, writer.organization_id, account_id)
    customer = account.stripe_customer
    # No connection is kept while Stripe is asked; its answer is the same when it is asked again.
    await db.commit()
    try:
        card = await cards.save(account_id, customer, form.payment_method)
    except CardRefused as error:
        raise Problem(402, "card-refused", str(error)) from None
    except CardNeedsDriver as error:
        raise Problem(402, "card-needs-driver", str(error)) from None
    except CardsUnavailable:
        raise Problem(
            502, "payments-unavailable", "Stripe does not answer", headers={"Retry-After": "5"}
        ) from None
    row = await accounts.update_account(
        db,
        writer.organization_id,
        account_id,
        {
            "stripe_customer": card.customer,
            "stripe_payment_method": card.payment_method,
            "card_brand": card.brand,
            "card_last4": card.last4,
        },
    )
    await _audit(db, writer, "attach_card", row, ["card"])
    return to_account(row)


def to_account(row: Account) -> AccountShown:
    """The answer."""
    elsewhere = {
        "has_card": row.stripe_payment_method is not None,
        "user_group": row.user_group_id,
    }
    columns = {
        name: getattr(row, name) for name in AccountShown.model_fields if name not in elsewhere
    }
    return AccountShown(**columns, **elsewhere)


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    """Fields as the table calls them."""
    if "user_group" in values:
        values["user_group_id"] = values.pop("user_group")
    return values


async def _audit(db: Db, writer: DriverWriter, verb: str, row: Account, fields: list[str]) -> None:
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action=f"account.{verb}",
        subject=f"account:{row.id}",
        details={"fields": fields},
    )
