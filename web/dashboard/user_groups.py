"""User groups: drivers who pay a price of their own, and who is in which."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from starlette.responses import Response

from holdfast.services import audit
from holdfast.services import user_groups as groups
from holdfast.services.refusal import Invalid, NotFound
from holdfast.services.scope import belongs, owned
from holdfast.services.slices import SliceAsked
from holdfast.services.user_groups import MemberCounts, Members
from holdfast.store.tables import Account, Token, UserGroup
from web.dashboard.lists import Listed
from web.live_page import bounded, uuid_or_none
from web.visit import Visit, back_to

MEMBERS_SHOWN = 200
NAME_LENGTH_MAX = 100
CHOICES_MAX = 500
ACCOUNT, TOKEN = "account", "token"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLine:
    """A group and how many are in it by themselves."""

    id: UUID
    key: str
    name: str
    accounts: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An account with all its tokens, or one token."""

    id: UUID
    kind: str
    name: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group, its members, and accounts that may become some."""

    group: UserGroup
    members: tuple[Member, ...]
    counts: MemberCounts
    accounts: tuple[tuple[str, str], ...]


async def show_groups(visit: Visit) -> Response:
    """GET /user-groups"""
    asked = bounded(visit.request.query_params)
    after = uuid_or_none(asked.get("before"))
    organization_id = visit.viewer.organization_id
    part = await groups.list_groups(visit.db, organization_id, SliceAsked(after=after))
    ids = [row.id for row in part.items]
    counts = await groups.count_members(visit.db, organization_id, ids)
    lines = tuple(
        GroupLine(
            id=row.id,
            key=row.key,
            name=row.name,
            accounts=counts.get(row.id, MemberCounts()).accounts,
            tokens=counts.get(row.id, MemberCounts()).tokens,
        )
        for row in part.items
    )
    shown = {} if after is None else {"before": str(after)}
    return visit.page("user_groups.html", view=Listed(lines=lines, next=part.next, asked=shown))


async def show_group(visit: Visit) -> Response:
    """GET /user-groups/{id}"""
    organization_id = visit.viewer.organization_id
    group = await groups.get_group(visit.db, organization_id, _id(visit))
    accounts = await visit.db.scalars(
        owned(Account, organization_id)
        .where(Account.user_group_id == group.id)
        .order_by(Account.name)
        .limit(MEMBERS_SHOWN)
    )
    tokens = await visit.db.scalars(
        owned(Token, organization_id)
        .where(Token.user_group_id == group.id)
        .order_by(Token.uid)
        .limit(MEMBERS_SHOWN)
    )
    others = await visit.db.execute(
        owned(Account, organization_id)
        .where(Account.user_group_id.is_distinct_from(group.id))
        .with_only_columns(Account.id, Account.name)
        .order_by(Account.name)
        .limit(CHOICES_MAX)
    )
    counts = await groups.count_members(visit.db, organization_id, [group.id])
    members = [
        *(Member(id=row.id, kind=ACCOUNT, name=row.name, about="account") for row in accounts),
        *(Member(id=row.id, kind=TOKEN, name=row.uid, about=row.type) for row in tokens),
    ]
    view = GroupView(
        group=group,
        members=tuple(members),
        counts=counts.get(group.id, MemberCounts()),
        accounts=(("", "None"), *((str(id_), name) for id_, name in others)),
    )
    return visit.page("user_group.html", view=view)


async def add_group(visit: Visit) -> Response:
    """POST /user-groups"""
    key, name = visit.form.get("key", "").strip(), _name(visit)
    row = await groups.create_group(visit.db, visit.viewer.organization_id, key=key, name=name)
    await _audit(visit, "create", row, {"key": key, "name": name})
    return back_to(f"/user-groups/{row.id}", "The group was made.")


async def rename(visit: Visit) -> Response:
    """POST /user-groups/{id}/rename"""
    row = await groups.rename_group(
        visit.db, visit.viewer.organization_id, _id(visit), _name(visit)
    )
    await _audit(visit, "change", row, {"name": row.name})
    return back_to(f"/user-groups/{row.id}", "The group was renamed.")


async def remove(visit: Visit) -> Response:
    """POST /user-groups/{id}/delete"""
    row = await groups.delete_group(visit.db, visit.viewer.organization_id, _id(visit))
    await _audit(visit, "delete", row, {"key": row.key})
    return back_to("/user-groups", f"The group {row.name} was removed.")


async def add_member(visit: Visit) -> Response:
    """POST /user-groups/{id}/members: an account, a token's uid, or both."""
    group_id, organization_id = _id(visit), visit.viewer.organization_id
    account = visit.form.get("account", "")
    account_id = uuid_or_none(account or None)
    if account and account_id is None:
        raise Invalid("account", account, "choose one of the list")
    uid = visit.form.get("token", "").strip()
    token_id = None
    if uid:
        token_id = await visit.db.scalar(
            select(Token.id).where(
                belongs(Token, organization_id), func.upper(Token.uid) == uid.upper()
            )
        )
        if token_id is None:
            raise Invalid("token", uid, "use the uid of one of your tokens")
    if account_id is None and token_id is None:
        raise Invalid("account", "", "choose an account or name a token")
    members = Members(
        account_ids=[] if account_id is None else [account_id],
        token_ids=[] if token_id is None else [token_id],
    )
    row = await groups.add_members(visit.db, organization_id, group_id, members)
    await _audit(visit, "add_members", row, _named(members))
    return back_to(f"/user-groups/{row.id}", "Added: from the next session on.")


async def remove_member(visit: Visit) -> Response:
    """POST /user-groups/{id}/members/{kind}/{member}/remove"""
    kind = visit.request.path_params["kind"]
    member_id = uuid_or_none(visit.request.path_params["member"])
    if member_id is None or kind not in (ACCOUNT, TOKEN):
        raise NotFound("member", visit.request.path_params["member"])
    members = Members(
        account_ids=[member_id] if kind == ACCOUNT else [],
        token_ids=[member_id] if kind == TOKEN else [],
    )
    row = await groups.remove_members(visit.db, visit.viewer.organization_id, _id(visit), members)
    await _audit(visit, "remove_members", row, _named(members))
    return back_to(f"/user-groups/{row.id}", "Taken out of the group.")


def _id(visit: Visit) -> UUID:
    group_id = uuid_or_none(visit.request.path_params["id"])
    if group_id is None:
        raise NotFound("user group", visit.request.path_params["id"])
    return group_id


def _name(visit: Visit) -> str:
    name = visit.form.get("name", "").strip()
    if not 1 <= len(name) <= NAME_LENGTH_MAX:
        raise Invalid("name", name, f"use 1 to {NAME_LENGTH_MAX} characters")
    return name


def _named(members: Members) -> dict[str, object]:
    return {
        "accounts": [str(id_) for id_ in members.account_ids],
        "tokens": [str(id_) for id_ in members.token_ids],
    }


async def _audit(visit: Visit, verb: str, row: UserGroup, details: dict[str, object]) -> None:
    await audit.record(
        visit.db,
        visit.viewer.organization_id,
        actor=visit.viewer.actor,
        action=f"user_group.{verb}",
        subject=f"user_group:{row.id}",
        details=details,
    )
