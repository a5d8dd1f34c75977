"""Places without a price: which EVSEs, what is missing there, and assigning a tariff to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import exists
from starlette.responses import Response

from holdfast.services.assigned_prices import priced_now
from holdfast.services.price_gaps import Cover, Gap, GapKind, GapPlace, list_gaps, read_cover
from holdfast.services.refusal import Invalid
from holdfast.services.scope import owned
from holdfast.services.slices import SliceAsked
from holdfast.services.tariff_choice import Audience
from holdfast.store.tables import Site, Tariff, TariffVersion
from web.dashboard.tariff_decisions import assign_as_typed
from web.live_page import bounded, uuid_or_none
from web.visit import Visit, back_to
from web.wording import Badge

PAGE = "/tariffs/gaps"
PER_PAGE = 50
CHOICES_MAX = 500
KINDS = {
    GapKind.NO_PRICE: "No price",
    GapKind.ONLY_AD_HOC: "Only an ad hoc price",
    GapKind.OTHER_CURRENCY: "Other currency",
}
BADGES = {
    (GapKind.NO_PRICE, False): Badge("No price", "bad", "alert"),
    (GapKind.NO_PRICE, True): Badge("No price soon", "wait", "clock"),
    (GapKind.ONLY_AD_HOC, False): Badge("Only ad hoc", "wait", "card"),
    (GapKind.ONLY_AD_HOC, True): Badge("Only ad hoc soon", "wait", "clock"),
    (GapKind.OTHER_CURRENCY, False): Badge("Other currency", "wait", "question"),
}
MEANS = {
    GapKind.NO_PRICE: "Charging is free for whoever has no tariff of their own, ad hoc too.",
    GapKind.ONLY_AD_HOC: "Charging is free for drivers without a tariff of their own.",
}
WHOM = {
    Audience.ACCOUNT: "an account",
    Audience.USER_GROUP: "a user group",
    Audience.AD_HOC: "ad hoc payment",
    Audience.EVERYBODY: "everybody",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GapText:
    """A gap for people. `means` says what follows from it, `why` what the tariff lacks that is
    assigned there."""

    gap: Gap
    badge: Badge
    means: str
    why: str
    whom: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapLine:
    """An EVSE of the list. `assign`: links that fill the form in, the closest place first."""

    place: GapPlace
    texts: tuple[GapText, ...]
    assign: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCount:
    """A filter, and how many EVSEs it finds."""

    kind: str
    word: str
    count: int
    soon: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GapView:
    """The page. `typed` fills the form in; `tariffs`, `sites` and `audiences` are its choices."""

    cover: Cover
    lines: tuple[GapLine, ...]
    next: UUID | None
    asked: Mapping[str, str]
    kinds: tuple[KindCount, ...]
    typed: Mapping[str, str]
    tariffs: tuple[tuple[str, str], ...]
    sites: tuple[tuple[str, str], ...]
    audiences: tuple[tuple[str, str], ...]


async def show_gaps(visit: Visit) -> Response:
    """GET /tariffs/gaps; `?station=`, `?evse=` and `?site=` fill the form in."""
    organization_id, now = visit.viewer.organization_id, visit.desk.pages.now()
    known = bounded(visit.request.query_params)
    asked: dict[str, str] = {name: known[name] for name in ("kind", "after") if name in known}
    kind = GapKind(asked["kind"]) if asked.get("kind") in set(GapKind) else None
    cover = await read_cover(visit.db, organization_id, now)
    part = await list_gaps(
        visit.db,
        organization_id,
        SliceAsked(limit=PER_PAGE, after=uuid_or_none(asked.get("after"))),
        cover=cover,
        now=now,
        kind=kind,
    )
    view = GapView(
        cover=cover,
        lines=tuple(_line(place) for place in part.items),
        next=part.next,
        asked=asked,
        kinds=tuple(_counts(cover)),
        typed={name: known.get(name, "") for name in ("site", "station", "evse")},
        tariffs=await _tariffs(visit),
        sites=await _sites(visit),
        audiences=(("", "Everybody"), ("ad_hoc", "Ad hoc payment")),
    )
    return visit.page("tariff_gaps.html", view=view)


async def assign(visit: Visit) -> Response:
    """POST /tariffs/gaps/assign: a tariff of the list, to the place of the form."""
    chosen = uuid_or_none(visit.form.get("tariff") or None)
    if chosen is None:
        raise Invalid("tariff", visit.form.get("tariff", ""), "choose one of the list")
    return back_to(PAGE, await assign_as_typed(visit, chosen))


def _counts(cover: Cover) -> list[KindCount]:
    return [
        KindCount(
            kind=kind.value,
            word=word,
            count=cover.now.get(kind, 0) + cover.soon.get(kind, 0),
            soon=cover.soon.get(kind, 0),
        )
        for kind, word in KINDS.items()
        if cover.now.get(kind, 0) + cover.soon.get(kind, 0)
    ]


def _line(place: GapPlace) -> GapLine:
    links = [
        ("EVSE", {"station": place.station, "evse": str(place.evse)}),
        ("Station", {"station": place.station}),
    ]
    if place.site_id is not None:
        links.append(("Site", {"site": str(place.site_id)}))
    return GapLine(
        place=place,
        texts=tuple(_text(gap, place) for gap in place.gaps),
        assign=tuple((word, f"{PAGE}?{urlencode(query)}#assign") for word, query in links),
    )


def _text(gap: Gap, place: GapPlace) -> GapText:
    whom = None if gap.audience is None else WHOM[gap.audience]
    means = MEANS.get(gap.kind, "")
    if gap.tariff is not None:
        means = f"{whom} pays in {gap.tariff.currency}; the site is in {place.site_currency}."
    return GapText(
        gap=gap,
        badge=BADGES[(gap.kind, gap.from_at is not None)],
        means=means[:1].upper() + means[1:],
        why="" if gap.idle is None else _why(gap, gap.idle),
        whom=whom,
    )


def _why(gap: Gap, idle: Tariff) -> str:
    """The list is read now: who retires a tariff does so at once."""
    if idle.retired_at is not None:
        return "is assigned here, but retired."
    then = "" if gap.from_at is None else " then"
    return f"is assigned here, but has no version in force{then}."


async def _tariffs(visit: Visit) -> tuple[tuple[str, str], ...]:
    """Those that have a version; marked where none is in force now."""
    organization_id = visit.viewer.organization_id
    found = await visit.db.scalars(
        owned(Tariff, organization_id)
        .where(
            Tariff.retired_at.is_(None),
            exists().where(TariffVersion.tariff_id == Tariff.id),
        )
        .order_by(Tariff.name, Tariff.id)
        .limit(CHOICES_MAX)
    )
    tariffs = {tariff.id: tariff for tariff in found}
    priced = await priced_now(visit.db, organization_id, tariffs, visit.desk.pages.now())
    return tuple(
        (
            str(tariff.id),
            f"{tariff.name} ({tariff.currency})"
            + ("" if tariff.id in priced else ": no version in force"),
        )
        for tariff in tariffs.values()
    )


async def _sites(visit: Visit) -> tuple[tuple[str, str], ...]:
    rows = await visit.db.execute(
        owned(Site, visit.viewer.organization_id)
        .where(Site.retired_at.is_(None))
        .with_only_columns(Site.id, Site.name)
        .order_by(Site.name, Site.id)
        .limit(CHOICES_MAX)
    )
    return (("", "All sites"), *((str(id_), name) for id_, name in rows))
