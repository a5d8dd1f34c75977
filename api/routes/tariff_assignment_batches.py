"""Many assignments at once: all of them or none, and a way back."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.routes.fields import Input, Output
from api.routes.tariff_assignments import AssignmentForm, AssignmentShown, to_assignment
from api.routes.tariff_findings import TariffFindingShown, shown_findings
from holdfast.domain.finding import Finding
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.principal import TariffWriter
from holdfast.http.problems import ERRORS_MAX, Problem
from holdfast.http.wrong_values import field_error
from holdfast.services.assignment_batches import (
    PLACES_MAX,
    Unassignable,
    assign_many,
    end_many,
    preview_many,
)
from holdfast.services.assignment_plans import Outcome, Wanted
from holdfast.services.tariff_currency import assignment_findings

router = APIRouter(prefix="/tariff-assignments", tags=["tariffs"], route_class=IdempotentRoute)


class BatchForm(Input):
    """Each as in `PUT /tariff-assignments`."""

    assignments: Annotated[list[AssignmentForm], Field(min_length=1, max_length=PLACES_MAX)]
    dry_run: Annotated[bool, Field(description="Say what would change, and change nothing.")] = (
        False
    )


class BatchItem(Output):
    """What became of one of the list, in its order. `replaced`: the tariff that ended there."""

    outcome: Outcome
    replaced: UUID | None
    assignment: Annotated[
        AssignmentShown | None, Field(description="Null in a dry run, but for `unchanged`.")
    ]


class BatchMade(Output):
    """How many places got the tariff (`new` and `replaces`), and how many had it."""

    new: int
    replaces: int
    unchanged: int
    dry_run: bool
    items: list[BatchItem]
    findings: list[TariffFindingShown]


class EndForm(Input):
    """Those of a batch, or any others that hold."""

    assignments: Annotated[list[UUID], Field(min_length=1, max_length=PLACES_MAX)]
    restore: Annotated[
        bool, Field(description="What each of them had replaced applies there again.")
    ] = False


class EndedItem(Output):
    """One that ended, and what holds there again."""

    ended: AssignmentShown
    restored: AssignmentShown | None


class BatchEnded(Output):
    """In the order asked for."""

    items: list[EndedItem]


@router.post("/batch")
async def assign_batch(form: BatchForm, db: Db, writer: TariffWriter) -> BatchMade:
    """Sessions that start at these places from now on freeze their new tariff's version.

    All of them or none: a 422 names each of the list that cannot be, by its number, field and
    value. What holds already is left as it is.
    """
    wanted = [Wanted(tariff_id=item.tariff, scope=item.scope) for item in form.assignments]
    if form.dry_run:
        return await _preview(db, writer.organization_id, wanted)
    try:
        made = await assign_many(
            db, writer.organization_id, wanted, actor=writer.actor, now=datetime.now(UTC)
        )
    except Unassignable as refused:
        raise _problem(refused, "assignments[{}].{}") from None
    findings: dict[Finding, None] = {}
    for one in made:
        findings |= dict.fromkeys(await assignment_findings(db, one.row))
    items = [
        BatchItem(
            outcome=one.planned.outcome,
            replaced=one.planned.replaced,
            assignment=to_assignment(one.row),
        )
        for one in made
    ]
    return _counted(items, findings=shown_findings(tuple(findings)), dry_run=False)


@router.post("/end")
async def end_batch(form: EndForm, db: Db, writer: TariffWriter) -> BatchEnded:
    """All end now, or none. What applies there next is what they had replaced (`restore`), or the
    wider assignment, if any."""
    try:
        ended = await end_many(
            db,
            writer.organization_id,
            form.assignments,
            restore=form.restore,
            actor=writer.actor,
            now=datetime.now(UTC),
        )
    except Unassignable as refused:
        raise _problem(refused, "assignments[{}]") from None
    return BatchEnded(
        items=[
            EndedItem(
                ended=to_assignment(one.row),
                restored=None if one.restored is None else to_assignment(one.restored),
            )
            for one in ended
        ]
    )


async def _preview(db: Db, organization_id: UUID, wanted: list[Wanted]) -> BatchMade:
    plan = await preview_many(db, organization_id, wanted)
    if plan.faults:
        raise _problem(Unassignable(plan.faults), "assignments[{}].{}")
    items = [
        BatchItem(
            outcome=one.outcome,
            replaced=one.replaced,
            assignment=to_assignment(one.before)
            if one.before is not None and one.outcome is Outcome.UNCHANGED
            else None,
        )
        for one in plan.planned
    ]
    return _counted(items, findings=[], dry_run=True)


def _counted(
    items: list[BatchItem], *, findings: list[TariffFindingShown], dry_run: bool
) -> BatchMade:
    counts = {outcome: sum(item.outcome is outcome for item in items) for outcome in Outcome}
    return BatchMade(
        new=counts[Outcome.NEW],
        replaces=counts[Outcome.REPLACES],
        unchanged=counts[Outcome.UNCHANGED],
        dry_run=dry_run,
        items=items,
        findings=findings,
    )


def _problem(refused: Unassignable, path: str) -> Problem:
    """422 with each that cannot be; the path holds the number and may hold the field."""
    errors = [
        field_error(
            path.format(fault.index, fault.field),
            fault.value if isinstance(fault.value, int) else str(fault.value),
            fault.expected,
        )
        for fault in refused.faults[:ERRORS_MAX]
    ]
    return Problem(422, "invalid", str(refused), errors=errors)
