"""The plain lists: payments, tokens and the audit log, newest first, a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from starlette.responses import Response

from holdfast.contracts.names import payment_workflow_id
from holdfast.services.scope import owned
from holdfast.services.slices import SliceAsked, take, take_rows
from holdfast.store.tables import Account, AuditEntry, Payment, Token
from web.dashboard.actors import key_names
from web.dashboard.session import pairs
from web.dashboard.stations import Choice
from web.live_page import bounded, uuid_or_none
from web.visit import Visit
from web.wording import PAYMENT, TOKEN, Badge, badge, words

Line = TypeVar("Line")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[Line]):
    """Lines, where older ones start, and what was asked (for the filter and the links)."""

    lines: tuple[Line, ...]
    next: UUID | None
    asked: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLine:
    """A payment. Amounts in minor units."""

    id: UUID
    session_id: UUID | None
    kind: str
    badge: Badge
    account: str | None
    currency: str
    asked_minor: int
    held_minor: int
    captured_minor: int
    decline_code: str | None
    attention: str | None
    created_at: datetime
    workflow_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLine:
    """A token and who pays for it."""

    uid: str
    type: str
    badge: Badge
    account: str | None
    billing: str | None
    card: str | None
    visual_number: str | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """Who did what, to what, and why. `subject_url` where there is a page of it."""

    at: datetime
    actor: str
    action: str
    subject: str
    subject_url: str | None
    reason: str | None
    details: tuple[tuple[str, str], ...]


async def show_payments(visit: Visit) -> Response:
    """GET /payments"""
    asked = _asked(visit, "state")
    found = (
        owned(Payment, visit.viewer.organization_id)
        .outerjoin(Account, Account.id == Payment.account_id)
        .with_only_columns(Payment, Account.name)
    )
    if asked.get("state") in PAYMENT:
        found = found.where(Payment.state == asked["state"])
    part = await take_rows(visit.db, found, Payment.id, _slice(asked), newest_first=True)
    lines = tuple(
        PaymentLine(
            id=row[0].id,
            session_id=row[0].session_id,
            kind={"hold": "Hold", "off_session": "Saved card"}[row[0].kind],
            badge=badge(PAYMENT, row[0].state),
            account=row[1],
            currency=row[0].currency,
            asked_minor=row[0].asked_minor,
            held_minor=row[0].held_minor,
            captured_minor=row[0].captured_minor,
            decline_code=row[0].decline_code,
            attention=row[0].attention,
            created_at=row[0].created_at,
            workflow_url=visit.desk.temporal_url(payment_workflow_id(row[0].id)),
        )
        for row in part.items
    )
    states = tuple(Choice(value=name, word=item.word) for name, item in PAYMENT.items())
    view = Listed(lines=lines, next=part.next, asked=asked)
    return visit.page("payments.html", view=view, states=states)


async def show_tokens(visit: Visit) -> Response:
    """GET /tokens"""
    asked = _asked(visit, "q", "status")
    found = (
        owned(Token, visit.viewer.organization_id)
        .outerjoin(Account, Account.id == Token.account_id)
        .with_only_columns(Token, Account)
    )
    if asked.get("status") in TOKEN:
        found = found.where(Token.status == asked["status"])
    if "q" in asked:
        found = found.where(
            Token.uid.icontains(asked["q"], autoescape=True)
            | Token.visual_number.icontains(asked["q"], autoescape=True)
            | Account.name.icontains(asked["q"], autoescape=True)
        )
    part = await take_rows(visit.db, found, Token.id, _slice(asked), newest_first=True)
    lines = tuple(_token_line(row[0], row[1]) for row in part.items)
    statuses = tuple(Choice(value=name, word=item.word) for name, item in TOKEN.items())
    view = Listed(lines=lines, next=part.next, asked=asked)
    return visit.page("tokens.html", view=view, statuses=statuses)


async def show_audit(visit: Visit) -> Response:
    """GET /audit"""
    asked = _asked(visit, "subject")
    organization_id = visit.viewer.organization_id
    found = owned(AuditEntry, organization_id)
    if "subject" in asked:
        found = found.where(AuditEntry.subject == asked["subject"])
    part = await take(visit.db, found, AuditEntry.id, _slice(asked), newest_first=True)
    names = await key_names(visit.db, organization_id, [entry.actor for entry in part.items])
    lines = tuple(
        AuditLine(
            at=entry.at,
            actor=names.get(entry.actor, entry.actor),
            action=words(entry.action),
            subject=entry.subject,
            subject_url=_subject_url(entry.subject),
            reason=entry.reason,
            details=pairs(entry.details),
        )
        for entry in part.items
    )
    return visit.page("audit.html", view=Listed(lines=lines, next=part.next, asked=asked))


def _subject_url(subject: str) -> str | None:
    kind, _, name = subject.partition(":")
    pages = {"session": "sessions", "tariff": "tariffs", "user_group": "user-groups"}
    return f"/{pages[kind]}/{name}" if kind in pages else None


def _token_line(token: Token, account: Account | None) -> TokenLine:
    card = None
    if account is not None and account.card_last4:
        card = f"{words(account.card_brand or 'card')} ending in {account.card_last4}"
    return TokenLine(
        uid=token.uid,
        type=token.type,
        badge=badge(TOKEN, token.status),
        account=None if account is None else account.name,
        billing=None if account is None else words(account.billing),
        card=card,
        visual_number=token.visual_number,
        valid_until=token.valid_until,
    )


def _asked(visit: Visit, *names: str) -> dict[str, str]:
    known = bounded(visit.request.query_params)
    return {name: known[name] for name in (*names, "before") if name in known}


def _slice(asked: Mapping[str, str]) -> SliceAsked:
    return SliceAsked(after=uuid_or_none(asked.get("before")))
