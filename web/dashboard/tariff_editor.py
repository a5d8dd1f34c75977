"""The editor of a draft: the whole form is posted at every step, and rendered back whole.

Nothing that was typed is lost: not by adding a row, not by a value that cannot be read, not by
somebody else who saved first. Saving names the revision that was read (`tariff_drafts`).
"""

from dataclasses import replace
from datetime import timedelta

from markupsafe import escape
from starlette.responses import HTMLResponse, Response

from holdfast.domain.tariff.templates import BY_KEY
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.services import audit
from holdfast.services.refusal import Conflict, Invalid, NotFound, TooMany
from holdfast.services.tariff_drafts import DraftChange, change_draft, get_draft, submit_draft
from holdfast.services.tariffs import get_tariff
from holdfast.store.tables import Tariff, TariffDraft
from web.dashboard.actors import key_names
from web.dashboard.tariff_editor_view import CHOICES, Clash, EditorView, SentBack
from web.dashboard.tariff_form import body_of, fields_of
from web.dashboard.tariff_problems import Said
from web.dashboard.tariff_rows import change_rows
from web.dashboard.tariff_states import DRAFT
from web.dashboard.tariff_typed import Mode, Typed, instant_of, read_typed, switch, typed_draft
from web.dashboard.tariff_what_if import Surroundings, meaning_of, read_asked, surroundings_of
from web.live_page import uuid_or_none
from web.visit import Visit, back_to
from web.wording import Tone, badge, duration

HTMX = "hx-request"
FORM_TEMPLATE = "fragments/tariff_editor.html"
FIRST_PRICE = "elements.0.price_components.0.price"
UNCHANGED = "Nothing was changed."
UNREADABLE = "Not saved: the JSON cannot be read yet."
# Without settling: htmx would copy `style` attributes meanwhile, which our policy forbids.
PARTIAL = '<hx-partial hx-target="#{}" hx-swap="innerHTML settle:0">{}</hx-partial>'


async def find_draft(visit: Visit) -> tuple[Tariff, TariffDraft]:
    """The draft of the path, and its tariff. Raises NotFound."""
    organization_id = visit.viewer.organization_id
    draft_id = uuid_or_none(visit.request.path_params["draft"])
    if draft_id is None:
        raise NotFound("tariff draft", visit.request.path_params["draft"])
    draft = await get_draft(visit.db, organization_id, draft_id)
    if str(draft.tariff_id) != visit.request.path_params["id"]:
        raise NotFound("tariff draft", draft_id)
    return await get_tariff(visit.db, organization_id, draft.tariff_id), draft


def draft_path(draft: TariffDraft) -> str:
    """Where a draft's page is."""
    return f"/tariffs/{draft.tariff_id}/drafts/{draft.id}"


async def show_editor(visit: Visit, tariff: Tariff, draft: TariffDraft) -> Response:
    """The page of a draft that may be changed."""
    around = await surroundings_of(visit.db, visit.viewer.organization_id, tariff.id)
    mode: Mode = "json" if visit.request.query_params.get("as") == "json" else "form"
    typed = typed_draft(draft, mode=mode, zone=around.zone)
    return _answer(visit, await _view(visit, tariff, draft, typed, around))


async def post_edit(visit: Visit) -> Response:
    """POST /tariffs/{id}/drafts/{draft}/edit: what the pressed button wishes."""
    tariff, draft = await find_draft(visit)
    around = await surroundings_of(visit.db, visit.viewer.organization_id, tariff.id)
    typed = read_typed(visit.form, zone=around.zone)
    wish = visit.form.get("wish", "show")
    if wish in ("save", "submit", "overwrite"):
        return await _save(visit, tariff, draft, typed, around)
    told, focus, hindered = None, "", None
    if wish in ("to-json", "to-form"):
        hindered = switch(typed, "json" if wish == "to-json" else "form")
        focus = "to-json" if typed.mode == "form" else ""
        if hindered is not None:
            told = f"The form cannot show it. {hindered.place}: {hindered.text}"
    elif wish == "begin":
        told, focus = _begin(typed, visit.form.get("template", ""), around)
    elif wish != "show" and typed.mode == "form":
        changed = change_rows(typed.fields, wish)
        told, focus = (UNCHANGED, "") if changed is None else (changed.said, changed.focus)
        typed.body = body_of(typed.fields)
    view = await _view(visit, tariff, draft, typed, around)
    tone: Tone = "good" if hindered is None else "bad"
    return _answer(visit, replace(view, told=told, told_tone=tone, focus=focus))


def _begin(typed: Typed, key: str, around: Surroundings) -> tuple[str, str]:
    """The form with a template in it, not saved. What to say of it, and where to go on."""
    template = BY_KEY.get(key)
    if template is None:
        return UNCHANGED, ""
    typed.fields = fields_of(around.begun_with(template))
    typed.mode, typed.body, typed.problem = "form", body_of(typed.fields), None
    return f"{template.name}: a beginning to type over.", FIRST_PRICE


async def post_check(visit: Visit) -> Response:
    """POST /tariffs/{id}/drafts/{draft}/check: findings beside the fields, the week, the price.

    Answers with parts of the page only: nothing is replaced that somebody types into.
    """
    tariff, draft = await find_draft(visit)
    around = await surroundings_of(visit.db, visit.viewer.organization_id, tariff.id)
    typed = read_typed(visit.form, zone=around.zone)
    view = await _view(visit, tariff, draft, typed, around)
    instant = instant_of(typed)
    if isinstance(instant, Said):
        view = replace(view, extra=(instant,))
    values = {"view": view, "summary": view.summary, "viewer": visit.viewer, **CHOICES}
    pages = visit.desk.pages
    parts = [
        ("summary", pages.fragment("fragments/tariff_summary.html", values)),
        ("curve-data", pages.fragment("fragments/tariff_curve.html", values)),
        ("estimate", pages.fragment("fragments/tariff_estimate.html", values)),
    ]
    for at, line in enumerate(view.element_words if typed.mode == "form" else ()):
        parts.append((f"element-words-{at}", escape(line)))
    for slot in _slots_of(typed):
        items = view.slots.get(slot, ())
        parts.append(
            (slot, pages.fragment("fragments/tariff_said.html", values | {"items": items}))
        )
    return HTMLResponse("".join(PARTIAL.format(name, text) for name, text in parts))


async def _save(
    visit: Visit, tariff: Tariff, draft: TariffDraft, typed: Typed, around: Surroundings
) -> Response:
    wish = visit.form["wish"]
    instant = instant_of(typed)
    view = await _view(visit, tariff, draft, typed, around)
    if isinstance(instant, Said):
        told = f"Not saved. {instant.text}."
        return _answer(visit, replace(view, extra=(instant,), told=told, told_tone="bad"))
    if typed.body is None:
        return _answer(visit, replace(view, told=UNREADABLE, told_tone="bad"))
    change = DraftChange(
        body=typed.body, valid_from=instant, at_once=instant is None, note=typed.note
    )
    try:
        draft = await change_draft(
            visit.db,
            visit.viewer.organization_id,
            draft.id,
            change,
            revision=draft.revision if wish == "overwrite" else typed.revision,
            actor=visit.viewer.actor,
            now=visit.desk.pages.now(),
        )
    except Conflict as refused:
        return _answer(visit, replace(view, conflict=await _clash(visit, draft, refused)))
    except (Invalid, TooMany) as refused:
        return _answer(visit, replace(view, told=f"Not saved: {refused}.", told_tone="bad"))
    await _audit(visit, draft, "change")
    told = f"Saved as revision {draft.revision}."
    typed.revision = draft.revision
    if wish == "submit":
        try:
            await _submit(visit, draft)
        except (TariffInvalid, Invalid, Conflict) as refused:
            told = f"Saved as revision {draft.revision}, but not submitted: {refused}."
            return _answer(visit, replace(view, told=told, told_tone="bad"))
        return _go(visit, draft_path(draft), "The draft waits for review.")
    return _answer(visit, replace(view, told=told, focus="save"))


async def _submit(visit: Visit, draft: TariffDraft) -> None:
    await submit_draft(
        visit.db,
        visit.viewer.organization_id,
        draft.id,
        revision=draft.revision,
        actor=visit.viewer.actor,
        now=visit.desk.pages.now(),
    )
    await _audit(visit, draft, "submit")


async def _clash(visit: Visit, draft: TariffDraft, refused: Conflict) -> Clash:
    """Who was first, and whether one may write over it. The service read the newest already."""
    if draft.state != "draft":
        return Clash(
            title="The draft can no longer be changed.",
            text=f"{str(refused)[:1].upper()}{str(refused)[1:]}. What you typed is still here.",
            may_overwrite=False,
        )
    organization_id = visit.viewer.organization_id
    names = await key_names(visit.db, organization_id, [draft.changed_by])
    ago = max(visit.desk.pages.now() - draft.changed_at, timedelta())
    return Clash(
        title="Somebody saved it while you were typing.",
        text=(
            f"{names.get(draft.changed_by, draft.changed_by)} made revision {draft.revision}, "
            f"{duration(ago)} ago. What you typed is still here, and not saved."
        ),
        may_overwrite=True,
    )


async def _view(
    visit: Visit, tariff: Tariff, draft: TariffDraft, typed: Typed, around: Surroundings
) -> EditorView:
    now = visit.desk.pages.now()
    asked = read_asked(visit.form, around, now)
    meaning = await meaning_of(
        visit.db,
        tariff,
        typed.body,
        asked,
        problem=typed.problem,
        surroundings=around,
        now=now,
        json=typed.mode == "json",
    )
    return EditorView(
        path=draft_path(draft),
        draft=draft,
        tariff=tariff,
        badge=badge(DRAFT, draft.state),
        typed=typed,
        meaning=meaning,
        surroundings=around,
        what_if=asked,
        sent_back=await _sent_back(visit, draft),
    )


async def _sent_back(visit: Visit, draft: TariffDraft) -> SentBack | None:
    if draft.state != "draft" or draft.decided_by is None or draft.decided_at is None:
        return None
    names = await key_names(visit.db, visit.viewer.organization_id, [draft.decided_by])
    return SentBack(
        by=names.get(draft.decided_by, draft.decided_by),
        at=draft.decided_at,
        why=draft.decision_note or "no reason given",
    )


def _slots_of(typed: Typed) -> list[str]:
    """Every place for findings that the form on the page has."""
    slots = ["said-when", "said-tariff"]
    if typed.mode == "json":
        return slots
    for at, element in enumerate(typed.fields.elements):
        slots.append(f"said-element-{at}")
        slots += [f"said-element-{at}-price-{row}" for row in range(len(element.components))]
    return slots + [f"said-allowance-{at}" for at in range(len(typed.fields.allowances))]


def _answer(visit: Visit, view: EditorView) -> Response:
    """The form alone where htmx asked, else the page."""
    if HTMX not in visit.request.headers:
        return visit.page("tariff_editor.html", view=view, **CHOICES)
    values = {"view": view, "viewer": visit.viewer, **CHOICES}
    return HTMLResponse(visit.desk.pages.fragment(FORM_TEMPLATE, values))


def _go(visit: Visit, path: str, said: str) -> Response:
    """To another page; htmx is told in a header, since it cannot see where a redirect leads."""
    response = back_to(path, said)
    if HTMX in visit.request.headers:
        response.status_code = 200
        response.headers["HX-Redirect"] = response.headers["location"]
        del response.headers["location"]
    return response


async def _audit(visit: Visit, draft: TariffDraft, verb: str) -> None:
    await audit.record(
        visit.db,
        visit.viewer.organization_id,
        actor=visit.viewer.actor,
        action=f"tariff_draft.{verb}",
        subject=f"tariff_draft:{draft.id}",
        details={"tariff": str(draft.tariff_id), "revision": draft.revision},
    )
