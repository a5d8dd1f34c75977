"""For whom a tariff may be assigned: what a form offers, and what was chosen of it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.assignment_plans import Scope
from holdfast.services.refusal import Invalid
from holdfast.services.scope import owned
from holdfast.store.tables import Account, UserGroup
from web.live_page import uuid_or_none

AD_HOC = "ad_hoc"
CHOICES_MAX = 500

Choices = tuple[tuple[str, str], ...]


async def audience_choices(db: AsyncSession, organization_id: UUID) -> Choices:
    """Values of a select and their words: everybody first, then ad hoc, groups, accounts."""
    groups = await db.execute(
        owned(UserGroup, organization_id)
        .with_only_columns(UserGroup.id, UserGroup.name)
        .order_by(UserGroup.name)
        .limit(CHOICES_MAX)
    )
    accounts = await db.execute(
        owned(Account, organization_id)
        .with_only_columns(Account.id, Account.name)
        .order_by(Account.name)
        .limit(CHOICES_MAX)
    )
    return (
        ("", "Everybody"),
        (AD_HOC, "Ad hoc payment"),
        *((f"group:{id_}", f"Group {name}") for id_, name in groups),
        *((f"account:{id_}", f"Account {name}") for id_, name in accounts),
    )


def read_audience(text: str) -> Scope:
    """A scope of this audience, everywhere. Raises Invalid where the form never offered it."""
    kind, _, chosen = text.partition(":")
    named = kind in ("account", "group")
    if (named and not chosen) or (not named and text not in ("", AD_HOC)):
        raise Invalid("audience", text, "choose one of the list")
    return Scope(
        account_id=chosen_id(chosen, "audience") if kind == "account" else None,
        user_group_id=chosen_id(chosen, "audience") if kind == "group" else None,
        ad_hoc=kind == AD_HOC,
    )


def chosen_id(text: str, field: str) -> UUID | None:
    """The id of a choice; None where nothing was chosen. Raises Invalid."""
    if not text:
        return None
    chosen = uuid_or_none(text)
    if chosen is None:
        raise Invalid(field, text, "choose one of the list")
    return chosen
