"""Versions of tariffs in the making: written, reviewed, approved by somebody else."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from api.routes.fields import Input, Output, PriceInstant, TariffBody, lines
from api.routes.tariff_findings import (
    TariffFindingShown,
    TariffProblemShown,
    shown_findings,
    shown_problem,
)
from api.routes.tariff_versions import VersionShown, to_version
from holdfast.domain.tariff.templates import BY_KEY
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Principal, Reader, TariffApprover, TariffWriter
from holdfast.services import audit, tariff_bodies, tariff_drafts, tariff_versions
from holdfast.services.tariff_drafts import DraftChange
from holdfast.store.tables import TariffDraft

router = APIRouter(prefix="/tariff-drafts", tags=["tariffs"], route_class=IdempotentRoute)

State = Literal["draft", "review", "approved", "discarded"]
Note = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(lines)]
Body = Annotated[
    TariffBody,
    Field(
        description="What the version will be, in OCPI's shape with our additions (`elements`, "
        "`min_price`, `max_price`, `idle_grace_s`, `tax_included`, `type`, `allowances`, "
        "`daily_cap`, `holiday_calendar`); id and currency are the tariff's. It may be wrong "
        "until it is submitted."
    ),
]
Revision = Annotated[
    int, Field(ge=1, le=2**31, description="The draft's `revision` that you have read.")
]


class DraftShown(Output):
    """A version before it is one. Approved, it has become `version_id`.

    `authors`: who ever wrote in it, as the audit log names them; none of them may approve it,
    unless the organization's `tariff_approval` says so.
    """

    id: UUID
    tariff: UUID
    based_on: Annotated[UUID | None, Field(description="The version that it began from.")]
    state: State
    revision: int
    body: dict[str, Any]
    valid_from: Annotated[datetime | None, Field(description="Null: when it is approved.")]
    note: str | None
    authors: list[str]
    created_by: str
    created_at: datetime
    changed_by: str
    changed_at: datetime
    submitted_by: str | None
    submitted_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    decision_note: str | None
    version_id: UUID | None


class DraftRead(DraftShown):
    """With what stands in its way: `problem` where the body cannot be read, else `findings`."""

    problem: TariffProblemShown | None
    findings: list[TariffFindingShown]


class NewDraft(Input):
    """Begin from a `body`, a version's number of the same tariff, a `template`, or nothing."""

    tariff: UUID
    body: Body | None = None
    from_version: Annotated[int | None, Field(ge=1, le=10_000)] = None
    template: Annotated[
        Literal[tuple(BY_KEY)] | None, Field(description="Prices to type over.")  # type: ignore[valid-type]
    ] = None
    valid_from: PriceInstant | None = None
    note: Annotated[Note | None, Field(description="Why, for the reviewer.")] = None

    @model_validator(mode="after")
    def one_start(self) -> Self:
        """Two would contradict each other."""
        starts = (self.body, self.from_version, self.template)
        if sum(start is not None for start in starts) > 1:
            raise ValueError("send body, from_version or template, one of them")
        return self


class DraftChangeForm(Input):
    """Only the fields that are sent are changed. `valid_from` null: when it is approved."""

    revision: Revision
    body: Body | None = None
    valid_from: PriceInstant | None = None
    note: Note | None = None


class DraftSeen(Input):
    """The revision that is meant: of another nothing is done (409)."""

    revision: Revision


class DraftDecision(DraftSeen):
    """With a word for the authors."""

    note: Note | None = None


class DraftSentBack(DraftSeen):
    """Why it is not approved."""

    note: Note


class DraftApproved(Output):
    """The draft, and the immutable version that it became."""

    draft: DraftShown
    version: VersionShown
    advice: list[TariffFindingShown]


@router.get("")
async def list_drafts(
    db: Db,
    reader: Reader,
    asked: Asked,
    tariff: Annotated[UUID | None, Query(description="Of this tariff only.")] = None,
    state: Annotated[
        list[State] | None, Query(max_length=4, description="In one of these states.")
    ] = None,
) -> Page[DraftShown]:
    """Newest first."""
    rows = await tariff_drafts.list_drafts(
        db, reader.organization_id, asked, tariff_id=tariff, states=state or ()
    )
    return page(rows, to_draft)


@router.post("", status_code=201)
async def make_draft(new: NewDraft, db: Db, writer: TariffWriter) -> DraftRead:
    """Begin a version. Nothing that is billed changes by it."""
    based_on = None
    if new.from_version is not None:
        based_on = await tariff_versions.get_version(
            db, writer.organization_id, new.tariff, new.from_version
        )
    row = await tariff_drafts.create_draft(
        db,
        writer.organization_id,
        new.tariff,
        actor=writer.actor,
        body=new.body if new.template is None else BY_KEY[new.template].body,
        based_on=based_on,
        valid_from=new.valid_from,
        note=new.note,
    )
    await _audit(db, writer, "create", row, {"tariff": str(new.tariff)})
    return await _read(db, row)


@router.get("/{draft_id}")
async def read_draft(draft_id: UUID, db: Db, reader: Reader) -> DraftRead:
    """One draft, and what lint says of it now."""
    row = await tariff_drafts.get_draft(db, reader.organization_id, draft_id)
    return await _read(db, row)


@router.patch("/{draft_id}")
async def change_draft(
    draft_id: UUID, change: DraftChangeForm, db: Db, writer: TariffWriter
) -> DraftRead:
    """Write in it, while it is not in review. Whoever does is an author from then on."""
    sent = change.model_fields_set
    row = await tariff_drafts.change_draft(
        db,
        writer.organization_id,
        draft_id,
        DraftChange(
            body=change.body,
            valid_from=change.valid_from,
            at_once="valid_from" in sent and change.valid_from is None,
            note=change.note,
        ),
        revision=change.revision,
        actor=writer.actor,
        now=datetime.now(UTC),
    )
    await _audit(db, writer, "change", row, {"fields": sorted(sent - {"revision"})})
    return await _read(db, row)


@router.post("/{draft_id}/submit")
async def submit_draft(draft_id: UUID, seen: DraftSeen, db: Db, writer: TariffWriter) -> DraftShown:
    """Ask for review. Refused where lint blocks; it cannot be changed until it is sent back."""
    row = await tariff_drafts.submit_draft(
        db,
        writer.organization_id,
        draft_id,
        revision=seen.revision,
        actor=writer.actor,
        now=datetime.now(UTC),
    )
    await _audit(db, writer, "submit", row, {})
    return to_draft(row)


@router.post("/{draft_id}/send-back")
async def send_back_draft(
    draft_id: UUID, decision: DraftSentBack, db: Db, approver: TariffApprover
) -> DraftShown:
    """From review back to its authors."""
    row = await tariff_drafts.send_back_draft(
        db,
        approver.organization_id,
        draft_id,
        revision=decision.revision,
        actor=approver.actor,
        note=decision.note,
        now=datetime.now(UTC),
    )
    await _audit(db, approver, "send_back", row, {}, reason=decision.note)
    return to_draft(row)


@router.post("/{draft_id}/approve")
async def approve_draft(
    draft_id: UUID, decision: DraftDecision, db: Db, approver: TariffApprover
) -> DraftApproved:
    """Make it an immutable version, which comes into force at `valid_from`, or at once.

    Refused (409) to whoever wrote in it, and where it is not at the revision that is named.
    """
    made = await tariff_drafts.approve_draft(
        db,
        approver.organization_id,
        draft_id,
        revision=decision.revision,
        actor=approver.actor,
        now=datetime.now(UTC),
        note=decision.note,
    )
    details = {
        "tariff": str(made.draft.tariff_id),
        "version": str(made.version.id),
        "number": made.version.number,
        "revision": decision.revision,
        "authors": made.draft.authors,
    }
    await _audit(db, approver, "approve", made.draft, details, reason=decision.note)
    return DraftApproved(
        draft=to_draft(made.draft),
        version=await to_version(db, made.version),
        advice=shown_findings(made.advice),
    )


@router.post("/{draft_id}/discard")
async def discard_draft(
    draft_id: UUID, decision: DraftDecision, db: Db, writer: TariffWriter
) -> DraftShown:
    """It will be no version; it stays readable."""
    row = await tariff_drafts.discard_draft(
        db,
        writer.organization_id,
        draft_id,
        revision=decision.revision,
        actor=writer.actor,
        now=datetime.now(UTC),
        note=decision.note,
    )
    await _audit(db, writer, "discard", row, {}, reason=decision.note)
    return to_draft(row)


def to_draft(row: TariffDraft) -> DraftShown:
    """The answer."""
    return DraftShown(**_columns(row))


async def _read(db: Db, row: TariffDraft) -> DraftRead:
    linted = await tariff_bodies.lint_body(
        db, row.organization_id, row.tariff_id, row.body, now=datetime.now(UTC)
    )
    return DraftRead(
        **_columns(row),
        problem=shown_problem(linted.problem),
        findings=shown_findings(linted.findings),
    )


def _columns(row: TariffDraft) -> dict[str, Any]:
    elsewhere = {
        "tariff": row.tariff_id,
        "based_on": row.based_on_id,
    }
    names = [name for name in DraftShown.model_fields if name not in elsewhere]
    return {name: getattr(row, name) for name in names} | elsewhere


async def _audit(
    db: Db,
    writer: Principal,
    verb: str,
    row: TariffDraft,
    details: Mapping[str, object],
    *,
    reason: str | None = None,
) -> None:
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action=f"tariff_draft.{verb}",
        subject=f"tariff_draft:{row.id}",
        reason=reason,
        details={"revision": row.revision, **details},
    )
