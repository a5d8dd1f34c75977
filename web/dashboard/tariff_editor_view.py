"""What the page of the editor shows: the draft as typed, what it means, what one may choose."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from holdfast.domain.finding import Severity
from holdfast.domain.tariff.templates import TEMPLATES
from holdfast.domain.tariff.version import AllowancePer, DimensionType, Reservation
from holdfast.store.tables import Tariff, TariffDraft
from web.dashboard.tariff_element_words import element_words
from web.dashboard.tariff_form import DAYS, ElementFields
from web.dashboard.tariff_problems import Said
from web.dashboard.tariff_typed import Typed
from web.dashboard.tariff_what_if import (
    SEVERITY_WORDS,
    TONES,
    Asked,
    Meaning,
    Summary,
    Surroundings,
)
from web.wording import Badge, Tone

KINDS = (
    (DimensionType.ENERGY.value, "Energy, per kWh"),
    (DimensionType.TIME.value, "Charging, per hour"),
    (DimensionType.PARKING_TIME.value, "Parking, per hour"),
    (DimensionType.FLAT.value, "The session, once"),
)
CHOICES: Mapping[str, object] = {
    "KINDS": KINDS,
    "DAYS": DAYS,
    "ALLOWED": (
        (DimensionType.ENERGY.value, "Energy"),
        (DimensionType.TIME.value, "Charging time"),
        (DimensionType.PARKING_TIME.value, "Parking time"),
    ),
    "SPANS": (
        (AllowancePer.SESSION.value, "Session"),
        (AllowancePer.DAY.value, "Day of a driver"),
        (AllowancePer.MONTH.value, "Month of a driver"),
    ),
    "HOLIDAYS": (("", "Any day"), ("true", "Holidays only"), ("false", "Not on holidays")),
    "RESERVATIONS": (
        ("", "No reservation"),
        (Reservation.RESERVATION.value, "Reservations"),
        (Reservation.RESERVATION_EXPIRES.value, "Unused reservations"),
    ),
    "TYPES": (
        ("", "Any session"),
        ("AD_HOC_PAYMENT", "Ad hoc payment"),
        ("REGULAR", "Regular"),
        ("PROFILE_CHEAP", "Profile: cheap"),
        ("PROFILE_FAST", "Profile: fast"),
        ("PROFILE_GREEN", "Profile: green"),
    ),
    "TAXES": (
        ("", "Before tax"),
        ("NO", "Before tax, said so"),
        ("YES", "After tax"),
        ("N/A", "Without tax: none applies"),
    ),
    "LIMITS": (
        ("min_price", "A session costs at least"),
        ("max_price", "A session costs at most"),
        ("daily_cap", "A driver's day costs at most"),
    ),
    "BEGINNINGS": tuple((one.key, f"{one.name}: {one.about}") for one in TEMPLATES),
    "TONES": TONES,
    "SEVERITY_WORDS": SEVERITY_WORDS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Somebody else was first. What was typed is still there."""

    title: str
    text: str
    may_overwrite: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBack:
    """Why a reviewer wants it changed."""

    by: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorView:
    """The page and its fragment. `focus` is the field to go on with."""

    path: str
    draft: TariffDraft
    tariff: Tariff
    badge: Badge
    typed: Typed
    meaning: Meaning
    surroundings: Surroundings
    what_if: Asked
    extra: tuple[Said, ...] = ()
    conflict: Clash | None = None
    sent_back: SentBack | None = None
    told: str | None = None
    told_tone: Tone = "good"
    focus: str = ""

    @property
    def currency(self) -> str:
        return self.tariff.currency

    @property
    def summary(self) -> Summary:
        return Summary(items=(*self.extra, *self.meaning.summary.items))

    @property
    def slots(self) -> Mapping[str, tuple[Said, ...]]:
        slots = dict(self.meaning.slots)
        for one in self.extra:
            slots[one.slot] = (one, *slots.get(one.slot, ()))
        return slots

    @property
    def curve(self) -> object:
        return self.meaning.curve

    @property
    def no_curve(self) -> str:
        return self.meaning.no_curve

    @property
    def estimate(self) -> object:
        return self.meaning.estimate

    @property
    def no_estimate(self) -> str:
        return self.meaning.no_estimate

    @property
    def zones(self) -> tuple[tuple[str, str], ...]:
        return self.surroundings.zones

    @property
    def feeds(self) -> tuple[tuple[str, str], ...]:
        return (("", "None"), *self.surroundings.feeds)

    @property
    def element_words(self) -> tuple[str, ...]:
        """Each element in one line."""
        return element_words(self.typed.body, self.currency)

    def shut(self, index: int) -> bool:
        """Whether an element shows its words alone: not with a problem inside."""
        mine = f"said-element-{index}"
        return self.typed.fields.elements[index].shut and not any(
            one.severity is Severity.BLOCK
            for slot, items in self.slots.items()
            if slot == mine or slot.startswith(f"{mine}-")
            for one in items
        )

    def groups_of(self, element: ElementFields) -> tuple[tuple[str, str], ...]:
        """Groups to tick: those that there are, and those that the element names."""
        known = dict(self.surroundings.groups)
        return tuple({**known, **{key: known.get(key, key) for key in element.groups}}.items())
