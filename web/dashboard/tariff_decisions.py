"""What people decide about tariffs: begin a draft, approve, send back, withdraw, assign, retire."""

from dataclasses import replace
from uuid import UUID

from starlette.responses import Response

from holdfast.domain.tariff.templates import BY_KEY
from holdfast.services import audit
from holdfast.services.refusal import Invalid, NotFound
from holdfast.services.tariff_assignments import assign_tariff, end_assignment
from holdfast.services.tariff_currency import assignment_findings
from holdfast.services.tariff_drafts import (
    approve_draft,
    create_draft,
    discard_draft,
    send_back_draft,
    submit_draft,
)
from holdfast.services.tariff_versions import end_version, get_version
from holdfast.services.tariffs import get_tariff, retire_tariff
from holdfast.store.tables import TariffVersion
from web.dashboard.tariff_audiences import chosen_id, read_audience
from web.dashboard.tariff_editor import draft_path, find_draft
from web.dashboard.tariff_what_if import surroundings_of
from web.live_page import uuid_or_none
from web.visit import REASON_LENGTH_MAX, Visit, back_to

NUMBER_DIGITS_MAX = 9


def tariff_id_of(visit: Visit) -> UUID:
    """The id in the path. Raises NotFound."""
    tariff_id = uuid_or_none(visit.request.path_params["id"])
    if tariff_id is None:
        raise NotFound("tariff", visit.request.path_params["id"])
    return tariff_id


async def begin_draft(visit: Visit) -> Response:
    """POST /tariffs/{id}/drafts: from a version of this tariff, or from a template."""
    tariff_id, organization_id = tariff_id_of(visit), visit.viewer.organization_id
    based_on: TariffVersion | None = None
    template = BY_KEY.get(visit.form.get("template", ""))
    if visit.form.get("version"):
        number = _whole(visit.form["version"], "version")
        based_on = await get_version(visit.db, organization_id, tariff_id, number)
    elif template is None:
        raise Invalid("template", visit.form.get("template", ""), "choose what to begin with")
    around = await surroundings_of(visit.db, organization_id, tariff_id)
    draft = await create_draft(
        visit.db,
        organization_id,
        tariff_id,
        actor=visit.viewer.actor,
        body=None if template is None else around.begun_with(template),
        based_on=based_on,
    )
    await _audit(visit, "tariff_draft.create", f"tariff_draft:{draft.id}")
    return back_to(draft_path(draft))


async def submit(visit: Visit) -> Response:
    """POST /tariffs/{id}/drafts/{draft}/submit"""
    _, draft = await find_draft(visit)
    await submit_draft(
        visit.db,
        visit.viewer.organization_id,
        draft.id,
        revision=_whole(visit.form.get("revision", ""), "revision"),
        actor=visit.viewer.actor,
        now=visit.desk.pages.now(),
    )
    await _audit(visit, "tariff_draft.submit", f"tariff_draft:{draft.id}")
    return back_to(draft_path(draft), "The draft waits for review.")


async def approve(visit: Visit) -> Response:
    """POST /tariffs/{id}/drafts/{draft}/approve: it becomes a version and goes live."""
    tariff, draft = await find_draft(visit)
    note = visit.form.get("note", "").strip()[:REASON_LENGTH_MAX] or None
    made = await approve_draft(
        visit.db,
        visit.viewer.organization_id,
        draft.id,
        revision=_whole(visit.form.get("revision", ""), "revision"),
        actor=visit.viewer.actor,
        now=visit.desk.pages.now(),
        note=note,
    )
    await audit.record(
        visit.db,
        visit.viewer.organization_id,
        actor=visit.viewer.actor,
        action="tariff_draft.approve",
        subject=f"tariff_draft:{draft.id}",
        reason=note,
        details={"tariff": str(tariff.id), "version": made.version.number},
    )
    return back_to(f"/tariffs/{tariff.id}", f"Approved: version {made.version.number}.")


async def send_back(visit: Visit) -> Response:
    """POST /tariffs/{id}/drafts/{draft}/send-back"""
    _, draft = await find_draft(visit)
    reason = visit.reason()
    await send_back_draft(
        visit.db,
        visit.viewer.organization_id,
        draft.id,
        revision=_whole(visit.form.get("revision", ""), "revision"),
        actor=visit.viewer.actor,
        note=reason,
        now=visit.desk.pages.now(),
    )
    await _audit(visit, "tariff_draft.send_back", f"tariff_draft:{draft.id}", reason)
    return back_to(draft_path(draft), "Sent back to its authors.")


async def discard(visit: Visit) -> Response:
    """POST /tariffs/{id}/drafts/{draft}/discard"""
    tariff, draft = await find_draft(visit)
    reason = visit.reason()
    await discard_draft(
        visit.db,
        visit.viewer.organization_id,
        draft.id,
        revision=_whole(visit.form.get("revision", ""), "revision"),
        actor=visit.viewer.actor,
        now=visit.desk.pages.now(),
        note=reason,
    )
    await _audit(visit, "tariff_draft.discard", f"tariff_draft:{draft.id}", reason)
    return back_to(f"/tariffs/{tariff.id}", "The draft was discarded.")


async def end(visit: Visit) -> Response:
    """POST /tariffs/{id}/versions/{number}/end: withdraw what is scheduled, or end it at once."""
    tariff_id, reason = tariff_id_of(visit), visit.reason()
    number = _whole(visit.request.path_params["number"], "version")
    now = visit.desk.pages.now()
    version = await end_version(
        visit.db,
        visit.viewer.organization_id,
        tariff_id,
        number,
        actor=visit.viewer.actor,
        now=now,
        reason=reason,
    )
    await _audit(visit, "tariff_version.end", f"tariff_version:{version.id}", reason)
    withdrawn = version.valid_from > now
    said = f"Version {number} was {'withdrawn' if withdrawn else 'ended'}."
    return back_to(f"/tariffs/{tariff_id}", said)


async def assign(visit: Visit) -> Response:
    """POST /tariffs/{id}/assignments"""
    tariff_id = tariff_id_of(visit)
    return back_to(f"/tariffs/{tariff_id}", await assign_as_typed(visit, tariff_id))


async def assign_as_typed(visit: Visit, tariff_id: UUID) -> str:
    """Assign a tariff to the place and audience of the form; what to say of it."""
    form = visit.form
    station = form.get("station", "").strip()
    evse = form.get("evse", "").strip()
    if station and form.get("site", ""):
        raise Invalid("station", station, "choose a site or name one station, not both")
    if evse and not station:
        raise Invalid("EVSE", evse, "name its station too")
    scope = replace(
        read_audience(form.get("audience", "")),
        site_id=chosen_id(form.get("site", ""), "site"),
        station=station or None,
        evse=_whole(evse, "evse") if evse else None,
    )
    row = await assign_tariff(
        visit.db,
        visit.viewer.organization_id,
        tariff_id,
        scope,
        now=visit.desk.pages.now(),
    )
    await _audit(visit, "tariff_assignment.create", f"tariff_assignment:{row.id}", tariff=tariff_id)
    findings = await assignment_findings(visit.db, row)
    careful = "".join(f" Careful: {finding.detail}." for finding in findings)
    return f"Assigned: new sessions there pay this tariff.{careful}"


async def unassign(visit: Visit) -> Response:
    """POST /tariffs/{id}/assignments/{assignment}/end"""
    tariff_id = tariff_id_of(visit)
    assignment_id = uuid_or_none(visit.request.path_params["assignment"])
    if assignment_id is None:
        raise NotFound("tariff assignment", visit.request.path_params["assignment"])
    row = await end_assignment(
        visit.db, visit.viewer.organization_id, assignment_id, now=visit.desk.pages.now()
    )
    if row.tariff_id != tariff_id:
        raise NotFound("tariff assignment", assignment_id)
    await _audit(visit, "tariff_assignment.end", f"tariff_assignment:{row.id}")
    return back_to(f"/tariffs/{tariff_id}", "It no longer applies there.")


async def retire(visit: Visit) -> Response:
    """POST /tariffs/{id}/retire"""
    tariff_id, reason = tariff_id_of(visit), visit.reason()
    organization_id = visit.viewer.organization_id
    await get_tariff(visit.db, organization_id, tariff_id)
    await retire_tariff(visit.db, organization_id, tariff_id, now=visit.desk.pages.now())
    await _audit(visit, "tariff.retire", f"tariff:{tariff_id}", reason)
    return back_to(f"/tariffs/{tariff_id}", "The tariff is retired.")


def _whole(text: str, field: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > NUMBER_DIGITS_MAX:
        raise Invalid(field, text, "use a whole number")
    return int(text)


async def _audit(
    visit: Visit,
    action: str,
    subject: str,
    reason: str | None = None,
    *,
    tariff: UUID | None = None,
) -> None:
    await audit.record(
        visit.db,
        visit.viewer.organization_id,
        actor=visit.viewer.actor,
        action=action,
        subject=subject,
        reason=reason,
        details={"tariff": str(tariff or visit.request.path_params["id"])},
    )
