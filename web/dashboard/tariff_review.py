"""A draft as its reviewer reads it: what changes in words and over a week, findings, decision."""

from dataclasses import dataclass, replace
from datetime import datetime

from starlette.responses import Response

from holdfast.domain.tariff.diff import differences
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.domain.tariff.version import TariffVersion as Version
from holdfast.http.permissions import Permission
from holdfast.services.estimates import Imagined, estimate
from holdfast.services.scope import find
from holdfast.services.tariff_drafts import why_not_approve
from holdfast.services.tariff_versions import versions_at
from holdfast.store.tables import Tariff, TariffDraft, TariffVersion
from web.dashboard.actors import key_names
from web.dashboard.price import Price, explain_estimate
from web.dashboard.tariff_curve import WeekCurve, with_old
from web.dashboard.tariff_editor import draft_path, find_draft, show_editor
from web.dashboard.tariff_editor_view import CHOICES
from web.dashboard.tariff_form import body_text
from web.dashboard.tariff_simulated import Simulated, newest_simulation
from web.dashboard.tariff_states import DRAFT
from web.dashboard.tariff_what_if import (
    Asked,
    Meaning,
    Summary,
    Surroundings,
    context_of,
    first_day_of,
    meaning_of,
    read_asked,
    read_imagined,
    surroundings_of,
)
from web.dashboard.tariffs import notes_of, price_in_words
from web.live_page import bounded
from web.visit import Visit
from web.wording import Badge, badge


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Who did something to the draft, when, and what they said."""

    did: str
    by: str
    at: datetime
    said: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewView:
    """`why_not` says why this viewer cannot approve; None: they may. `old` is what is in force.

    `at_once`: an approval now would put it in force now, also where its day has passed.
    """

    path: str
    tariff: Tariff
    draft: TariffDraft
    at_once: bool
    badge: Badge
    authors: str
    hands: tuple[Hand, ...]
    old: str | None
    differences: tuple[str, ...]
    words: tuple[str, ...]
    meaning: Meaning
    curve: WeekCurve | None
    old_curve: WeekCurve | None
    old_estimate: Price | None
    what_if: Asked
    surroundings: Surroundings
    simulated: Simulated | None
    why_not: str | None
    version: int | None
    body: str

    @property
    def currency(self) -> str:
        return self.tariff.currency

    @property
    def summary(self) -> Summary:
        return self.meaning.summary

    @property
    def no_curve(self) -> str:
        return self.meaning.no_curve

    @property
    def estimate(self) -> Price | None:
        return self.meaning.estimate

    @property
    def no_estimate(self) -> str:
        return self.meaning.no_estimate


async def show_draft(visit: Visit) -> Response:
    """GET /tariffs/{id}/drafts/{draft}: the editor where it may be changed, else the review."""
    tariff, draft = await find_draft(visit)
    if draft.state == "draft" and visit.viewer.may(Permission.WRITE_TARIFFS):
        return await show_editor(visit, tariff, draft)
    return await _show(visit, tariff, draft)


async def show_review(visit: Visit) -> Response:
    """GET /tariffs/{id}/drafts/{draft}/review: as a reviewer will read it."""
    tariff, draft = await find_draft(visit)
    return await _show(visit, tariff, draft)


async def _show(visit: Visit, tariff: Tariff, draft: TariffDraft) -> Response:
    now = visit.desk.pages.now()
    around = await surroundings_of(visit.db, visit.viewer.organization_id, tariff.id)
    asked = read_asked(bounded(visit.request.query_params), around, now)
    meaning = await meaning_of(
        visit.db, tariff, draft.body, asked, problem=None, surroundings=around, now=now
    )
    row, old = await _old(visit, tariff, draft, now)
    curve, old_curve, old_estimate = meaning.curve, None, None
    if curve is not None and old is not None:
        context = await context_of(visit.db, tariff, old, asked, around, now)
        curve, old_curve = with_old(curve, old, context, first_day_of(asked, context.zone, now))
        imagined = read_imagined(asked, context.zone)
        if isinstance(imagined, Imagined):
            old_estimate = explain_estimate(estimate(old, imagined, context))
    organization_id = visit.viewer.organization_id
    actors = [*draft.authors, draft.created_by, draft.submitted_by, draft.decided_by]
    names = await key_names(visit.db, organization_id, [str(actor) for actor in actors if actor])
    view = ReviewView(
        path=draft_path(draft),
        tariff=tariff,
        draft=draft,
        at_once=draft.state in ("draft", "review") and (draft.valid_from or now) <= now,
        badge=badge(DRAFT, draft.state),
        authors=", ".join(names.get(str(actor), str(actor)) for actor in draft.authors),
        hands=_hands(draft, names),
        old=None if row is None else f"version {row.number}",
        differences=_differences(old, meaning.tariff),
        words=await _words(
            visit, meaning.tariff, around.zone_of(asked.site), max(now, draft.valid_from or now)
        ),
        meaning=meaning,
        curve=curve,
        old_curve=old_curve,
        old_estimate=old_estimate,
        what_if=asked,
        surroundings=around,
        simulated=await newest_simulation(visit.db, draft, meaning.tariff),
        why_not=await _why_not(visit, draft),
        version=await _made(visit, draft),
        body=body_text(draft.body),
    )
    return visit.page("tariff_review.html", view=view, **CHOICES)


async def _words(visit: Visit, new: Version | None, zone: str, at: datetime) -> tuple[str, ...]:
    """The whole price of the draft: who reads a first one has no difference to read."""
    if new is None:
        return ()
    text = await price_in_words(visit.db, visit.viewer.organization_id, new, zone, at)
    return (*(line.text for line in text.lines), *text.notes, *notes_of(new))


def _differences(old: Version | None, new: Version | None) -> tuple[str, ...]:
    if old is None or new is None:
        return ()
    return differences(old, replace(new, id=old.id))


async def _old(
    visit: Visit, tariff: Tariff, draft: TariffDraft, now: datetime
) -> tuple[TariffVersion | None, Version | None]:
    """What the draft replaces: the version in force, or the one that it was based on."""
    organization_id = visit.viewer.organization_id
    row = (await versions_at(visit.db, organization_id, [tariff.id], now)).get(tariff.id)
    if draft.state == "approved" or row is None:
        if draft.based_on_id is None:
            return None, None
        row = await find(
            visit.db, TariffVersion, organization_id, draft.based_on_id, "tariff version"
        )
    try:
        return row, tariff_from_json(row.body)
    except TariffInvalid:
        return row, None


async def _why_not(visit: Visit, draft: TariffDraft) -> str | None:
    viewer = visit.viewer
    if draft.state != "review":
        return "It is not in review."
    if not viewer.may(Permission.APPROVE_TARIFFS):
        return f"Your key's role ({viewer.role}) may not approve tariffs."
    why_not = await why_not_approve(visit.db, viewer.organization_id, draft, viewer.actor)
    if why_not is None:
        return None
    said = f"{why_not[0].upper()}{why_not[1:]}"
    return f"{said}. Two pairs of eyes see every price before a driver pays it."


async def _made(visit: Visit, draft: TariffDraft) -> int | None:
    if draft.version_id is None:
        return None
    row = await find(
        visit.db, TariffVersion, visit.viewer.organization_id, draft.version_id, "tariff version"
    )
    return row.number


def _hands(draft: TariffDraft, names: dict[str, str]) -> tuple[Hand, ...]:
    hands = [("Begun", draft.created_by, draft.created_at, draft.note)]
    if draft.submitted_by and draft.submitted_at:
        hands.append(("Submitted for review", draft.submitted_by, draft.submitted_at, None))
    if draft.decided_by and draft.decided_at:
        did = {"approved": "Approved", "discarded": "Discarded"}.get(draft.state, "Sent back")
        hands.append((did, draft.decided_by, draft.decided_at, draft.decision_note))
    return tuple(
        Hand(did=did, by=names.get(by, by), at=at, said=said)
        for did, by, at, said in sorted(hands, key=lambda hand: hand[2])
    )
