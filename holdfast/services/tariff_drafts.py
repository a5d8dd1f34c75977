"""Tariff versions in the making: draft, review, approved by a second person.

A person is an API key (actors as in the audit log, "key:<id>"), with all keys that are known to be
the same person's (`key_people`). Every change raises `revision`, and
whoever changes, submits or decides names the revision that they saw, so nobody overwrites or
approves what they have not read. Approved, a draft is an immutable version; its states from there
(scheduled, in force, retired, withdrawn) are those of `domain.tariff.life`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, ColumnElement, Text, and_, cast, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.finding import Finding
from holdfast.services.key_people import same_person
from holdfast.services.refusal import Conflict, Invalid, NotFound, TooMany
from holdfast.services.scope import belongs, find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.tariff_bodies import checked
from holdfast.services.tariff_versions import approval_rule, locked_tariff, make_version
from holdfast.store.tables import Tariff, TariffDraft, TariffVersion

OPEN_MAX = 50
"""Drafts of one tariff that are neither approved nor discarded."""

BODY_BYTES_MAX = 256 * 1024
AUTHORS_MAX = 100
OPEN_STATES = ("draft", "review")
OURS = ("id", "currency", "holidays")
"""What a version's body has and a draft's does not: they are written when it is approved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftChange:
    """What to change; None leaves a part as it is. `at_once` forgets a `valid_from` of before."""

    body: Mapping[str, Any] | None = None
    valid_from: datetime | None = None
    at_once: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The draft, the version that it became, and what is unwise about it."""

    draft: TariffDraft
    version: TariffVersion
    advice: tuple[Finding, ...]


async def create_draft(
    db: AsyncSession,
    organization_id: UUID,
    tariff_id: UUID,
    *,
    actor: str,
    body: Mapping[str, Any] | None = None,
    based_on: TariffVersion | None = None,
    valid_from: datetime | None = None,
    note: str | None = None,
) -> TariffDraft:
    """From a body, which may still be wrong, or from a version of any tariff of one's own.

    Raises NotFound, Conflict (the tariff is retired), Invalid, TooMany.
    """
    await locked_tariff(db, organization_id, tariff_id)
    open_drafts = await db.scalar(
        select(func.count())
        .select_from(TariffDraft)
        .where(
            belongs(TariffDraft, organization_id),
            TariffDraft.tariff_id == tariff_id,
            TariffDraft.state.in_(OPEN_STATES),
        )
    )
    if open_drafts is not None and open_drafts >= OPEN_MAX:
        raise TooMany(f"a tariff has at most {OPEN_MAX} open drafts: approve or discard some")
    if body is None:
        body = {} if based_on is None else body_of(based_on)
    row = await db.scalars(
        insert(TariffDraft)
        .values(
            organization_id=organization_id,
            tariff_id=tariff_id,
            based_on_id=None if based_on is None else based_on.id,
            body=_bounded(body),
            valid_from=valid_from,
            note=note,
            created_by=actor,
            changed_by=actor,
            authors=[actor],
        )
        .returning(TariffDraft)
    )
    return row.one()


def body_of(version: TariffVersion) -> dict[str, Any]:
    """A version's body as a draft has it: holidays are written out anew from its calendar."""
    ours = OURS if "holiday_calendar" in version.body else OURS[:2]
    return {field: value for field, value in version.body.items() if field not in ours}


async def get_draft(db: AsyncSession, organization_id: UUID, draft_id: UUID) -> TariffDraft:
    """Raises NotFound."""
    return await find(db, TariffDraft, organization_id, draft_id, "tariff draft")


async def list_drafts(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    tariff_id: UUID | None = None,
    states: Sequence[str] = (),
) -> Slice[TariffDraft]:
    """Newest first."""
    statement = owned(TariffDraft, organization_id)
    if tariff_id is not None:
        statement = statement.where(TariffDraft.tariff_id == tariff_id)
    if states:
        statement = statement.where(TariffDraft.state.in_(states))
    return await take(db, statement, TariffDraft.id, asked, newest_first=True)


async def list_to_review(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked, *, actor: str
) -> Slice[TariffDraft]:
    """Those that wait for this person: in review, and not their own. Newest first."""
    mine = await _waits_for(db, organization_id, actor)
    statement = owned(TariffDraft, organization_id).where(mine)
    return await take(db, statement, TariffDraft.id, asked, newest_first=True)


async def count_to_review(db: AsyncSession, organization_id: UUID, *, actor: str) -> int:
    """How many wait for this person."""
    mine = await _waits_for(db, organization_id, actor)
    found = await db.scalar(
        select(func.count())
        .select_from(TariffDraft)
        .where(belongs(TariffDraft, organization_id), mine)
    )
    return int(found or 0)


async def _waits_for(db: AsyncSession, organization_id: UUID, actor: str) -> ColumnElement[bool]:
    in_review = TariffDraft.state == "review"
    if await approval_rule(db, organization_id) == "author":
        return in_review
    mine = sorted(await same_person(db, organization_id, actor))
    return and_(in_review, ~TariffDraft.authors.has_any(cast(mine, ARRAY(Text()))))


async def why_not_approve(
    db: AsyncSession, organization_id: UUID, draft: TariffDraft, actor: str
) -> str | None:
    """Why this person may not approve what is in the draft; None: they may."""
    if await approval_rule(db, organization_id) == "author":
        return None
    if actor in draft.authors:
        return "you wrote in this draft: somebody else has to approve it, with a key of their own"
    if (await same_person(db, organization_id, actor)).isdisjoint(draft.authors):
        return None
    return (
        "a key that wrote in this draft belongs to the same person as yours, or one of the two "
        "names nobody and counts as its maker's: somebody else has to approve it, with a key "
        "that names them"
    )


async def change_draft(
    db: AsyncSession,
    organization_id: UUID,
    draft_id: UUID,
    change: DraftChange,
    *,
    revision: int,
    actor: str,
    now: datetime,
) -> TariffDraft:
    """Write in it; whoever does can no longer approve it. Raises NotFound, Conflict, Invalid."""
    draft = await _locked(db, organization_id, draft_id, revision, "draft")
    if change.body is not None:
        draft.body = _bounded(change.body)
    if change.valid_from is not None or change.at_once:
        draft.valid_from = change.valid_from
    if change.note is not None:
        draft.note = change.note
    if actor not in draft.authors:
        if len(draft.authors) >= AUTHORS_MAX:
            raise TooMany(f"a draft has at most {AUTHORS_MAX} authors: make a new one")
        draft.authors = [*draft.authors, actor]
    draft.changed_by, draft.changed_at = actor, now
    return await _moved(db, draft, "draft")


async def submit_draft(
    db: AsyncSession,
    organization_id: UUID,
    draft_id: UUID,
    *,
    revision: int,
    actor: str,
    now: datetime,
) -> TariffDraft:
    """Ask for review. Raises NotFound, Conflict, TariffInvalid, Invalid (what lint blocks)."""
    draft = await _locked(db, organization_id, draft_id, revision, "draft")
    tariff = await find(db, Tariff, organization_id, draft.tariff_id, "tariff")
    await checked(db, tariff, draft.body, now=now)
    draft.submitted_by, draft.submitted_at = actor, now
    return await _moved(db, draft, "review")


async def send_back_draft(
    db: AsyncSession,
    organization_id: UUID,
    draft_id: UUID,
    *,
    revision: int,
    actor: str,
    note: str,
    now: datetime,
) -> TariffDraft:
    """From review back to its authors, with why. Raises NotFound, Conflict."""
    draft = await _locked(db, organization_id, draft_id, revision, "review")
    draft.decided_by, draft.decided_at, draft.decision_note = actor, now, note
    return await _moved(db, draft, "draft")


async def discard_draft(
    db: AsyncSession,
    organization_id: UUID,
    draft_id: UUID,
    *,
    revision: int,
    actor: str,
    now: datetime,
    note: str | None = None,
) -> TariffDraft:
    """It will be no version; it stays readable. Raises NotFound, Conflict."""
    draft = await _locked(db, organization_id, draft_id, revision, *OPEN_STATES)
    draft.decided_by, draft.decided_at, draft.decision_note = actor, now, note
    return await _moved(db, draft, "discarded")


async def approve_draft(
    db: AsyncSession,
    organization_id: UUID,
    draft_id: UUID,
    *,
    revision: int,
    actor: str,
    now: datetime,
    note: str | None = None,
) -> Approval:
    """Make the immutable version and begin to publish it, in this transaction.

    Valid at once where the draft names no time, or one that has passed meanwhile. Raises NotFound,
    Conflict (not in review, another revision, an author approves), TariffInvalid, Invalid, TooMany.
    """
    tariff_id = await db.scalar(
        select(TariffDraft.tariff_id).where(
            belongs(TariffDraft, organization_id), TariffDraft.id == draft_id
        )
    )
    if tariff_id is None:
        raise NotFound("tariff draft", draft_id)
    # The tariff first, as everybody who adds a version: two approvals stand in line here.
    tariff = await locked_tariff(db, organization_id, tariff_id)
    draft = await _locked(db, organization_id, draft_id, revision, "review")
    why_not = await why_not_approve(db, organization_id, draft, actor)
    if why_not is not None:
        raise Conflict(f"{why_not} (or the organization's tariff_approval is set to 'author')")
    starts_at = draft.valid_from if draft.valid_from and draft.valid_from > now else now
    made = await make_version(db, tariff, draft.body, valid_from=starts_at, actor=actor, now=now)
    draft.decided_by, draft.decided_at, draft.decision_note = actor, now, note
    draft.version_id = made.version.id
    await _moved(db, draft, "approved")
    return Approval(draft=draft, version=made.version, advice=made.advice)


async def _locked(
    db: AsyncSession, organization_id: UUID, draft_id: UUID, revision: int, *states: str
) -> TariffDraft:
    draft = await db.scalar(
        owned(TariffDraft, organization_id)
        .where(TariffDraft.id == draft_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if draft is None:
        raise NotFound("tariff draft", draft_id)
    if draft.state not in states:
        raise Conflict(f"the draft is {_STATE_WORDS[draft.state]}, not {_either(states)}")
    if draft.revision != revision:
        raise Conflict(
            f"the draft is at revision {draft.revision} by now, not {revision}: read it again"
        )
    return draft


_STATE_WORDS = {
    "draft": "being written",
    "review": "in review",
    "approved": "approved already",
    "discarded": "discarded",
}


def _either(states: Sequence[str]) -> str:
    return " or ".join(_STATE_WORDS[state].removesuffix(" already") for state in states)


async def _moved(db: AsyncSession, draft: TariffDraft, state: str) -> TariffDraft:
    draft.state = state
    draft.revision += 1
    await db.flush()
    return draft


def _bounded(body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        written = orjson.dumps(body)
    except TypeError:  # a number of over 64 bits, half a surrogate pair
        raise Invalid("body", "a value", "use texts, and numbers of at most 64 bits") from None
    if b"\\u0000" in written:
        raise Invalid("body", "\\u0000", "leave it out: it is no text")
    size = len(written)
    if size > BODY_BYTES_MAX:
        raise Invalid("body", f"{size} bytes", f"use at most {BODY_BYTES_MAX}")
    return dict(body)
