"""How figures, instants and states are worded on pages. Pure: values in, text out.

A unit stands beside its number, a state is an icon and a word besides its colour, and money is
formatted from whole minor units.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from holdfast.domain.currency import Currency, UnknownCurrency
from holdfast.domain.money import Money, round_half_up

Tone = Literal["good", "busy", "wait", "bad", "calm"]

NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
SECOND, MINUTE, HOUR, DAY = 1, 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Badge:
    """A state for people: `icon` is a symbol of static/icons.svg, `tone` its colour."""

    word: str
    tone: Tone
    icon: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as text, and its unit."""

    number: str
    unit: str

    def __str__(self) -> str:
        return f"{self.number} {self.unit}"


NOT_KNOWN = Badge("Unknown", "calm", "question")

CONNECTOR = {
    "available": Badge("Available", "good", "check"),
    "preparing": Badge("Preparing", "busy", "plug"),
    "charging": Badge("Charging", "busy", "bolt"),
    "suspended_ev": Badge("Suspended by the car", "wait", "pause"),
    "suspended_evse": Badge("Suspended by the station", "wait", "pause"),
    "finishing": Badge("Finishing", "wait", "plug"),
    "occupied": Badge("Occupied", "busy", "plug"),
    "reserved": Badge("Reserved", "wait", "clock"),
    "unavailable": Badge("Out of service", "calm", "ban"),
    "faulted": Badge("Faulted", "bad", "alert"),
}
SESSION = {
    "authorised": Badge("Authorised", "wait", "clock"),
    "started": Badge("Started", "busy", "plug"),
    "charging": Badge("Charging", "busy", "bolt"),
    "suspended": Badge("Suspended", "wait", "pause"),
    "idle": Badge("Idle", "wait", "pause"),
    "ended": Badge("Ended", "wait", "flag"),
    "priced": Badge("Priced", "wait", "receipt"),
    "settled": Badge("Settled", "good", "check"),
    "failed": Badge("Never started", "calm", "ban"),
}
OUTCOME = {
    "captured": Badge("Captured", "good", "check"),
    "invoiced": Badge("Invoiced", "good", "receipt"),
    "roaming_cdr": Badge("Roaming CDR", "good", "receipt"),
    "waived": Badge("Waived", "calm", "ban"),
    "uncollectible": Badge("Uncollectible", "bad", "alert"),
    "free": Badge("Free", "calm", "check"),
}
PAYMENT = {
    "created": Badge("Created", "wait", "clock"),
    "action_required": Badge("Waits for driver", "wait", "clock"),
    "held": Badge("Held", "busy", "lock"),
    "captured": Badge("Captured", "good", "check"),
    "released": Badge("Released", "calm", "ban"),
    "failed": Badge("Failed", "bad", "alert"),
}
ORDER = {
    "waiting": Badge("Waiting", "wait", "clock"),
    "sent": Badge("Sent", "busy", "send"),
    "accepted": Badge("Accepted", "good", "check"),
    "rejected": Badge("Rejected", "bad", "alert"),
    "timed_out": Badge("No answer", "wait", "question"),
    "expired": Badge("Expired", "calm", "clock"),
    "superseded": Badge("Superseded", "calm", "ban"),
    "cancelled": Badge("Cancelled", "calm", "ban"),
}
REGISTRATION = {
    "accepted": Badge("Accepted", "good", "check"),
    "pending": Badge("Pending", "wait", "clock"),
    "rejected": Badge("Rejected", "bad", "ban"),
}
TOKEN = {
    "accepted": Badge("Accepted", "good", "check"),
    "blocked": Badge("Blocked", "bad", "ban"),
    "expired": Badge("Expired", "calm", "clock"),
}
ONLINE = Badge("Online", "good", "link")
OFFLINE = Badge("Offline", "bad", "unlink")
RETIRED = Badge("Retired", "calm", "ban")


def badge(states: dict[str, Badge], state: str | None) -> Badge:
    """The badge of a state; one that is not in the list is shown by its own word."""
    if state is None:
        return NOT_KNOWN
    return states.get(state) or Badge(words(state), "calm", "question")


def words(name: str) -> str:
    """A name of ours as a phrase: `suspended_ev` is "Suspended ev", `session.waive` likewise."""
    text = name.replace("_", " ").replace(".", " ").replace("-", " ").strip()
    return text[:1].upper() + text[1:]


def grouped(number: int) -> str:
    """With a narrow space every three digits: 12 345."""
    return f"{number:,}".replace(",", NARROW_SPACE)


def energy(energy_wh: int) -> Quantity:
    """In kWh with two decimals, rounded half up: for lists and tiles."""
    hundredths = round_half_up(Fraction(energy_wh, 10))
    return Quantity(_decimals(hundredths, 2), "kWh")


def exact_energy(energy_wh: int) -> Quantity:
    """In kWh with all three decimals: what is billed."""
    return Quantity(_decimals(energy_wh, 3), "kWh")


def register(register_mwh: int) -> Quantity:
    """A meter's register in kWh with three decimals, rounded half up."""
    return exact_energy(round_half_up(Fraction(register_mwh, 1_000)))


def power(power_w: int) -> Quantity:
    """In kW with one decimal; negative while a car feeds back."""
    sign, size = ("-" if power_w < 0 else ""), abs(power_w)
    return Quantity(f"{sign}{grouped(size // 1_000)}.{size % 1_000 // 100}", "kW")


def money(amount_minor: int, currency: str) -> Quantity:
    """In major units with all decimals of the currency."""
    try:
        text = Money(amount_minor, Currency.of(currency)).decimal_text()
    except UnknownCurrency:
        return Quantity(str(amount_minor), f"minor units of {currency}")
    whole, point, fraction = text.partition(".")
    return Quantity(grouped(int(whole)) + point + fraction if whole != "-0" else text, currency)


def duration(length: timedelta) -> str:
    """Two units at most: `3 h 05 min`, `12 min 04 s`, `9 s`, `2 d 4 h`."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min {seconds % MINUTE:02d} s"
    if seconds < DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE:02d} min"
    return f"{seconds // DAY} d {seconds % DAY // HOUR} h"


def ago(at: datetime, now: datetime) -> str:
    """One unit: `12 s ago`, `in 5 min`. static/ages.js words it likewise."""
    seconds = int((now - at).total_seconds())
    size = abs(seconds)
    if size < MINUTE:
        text = f"{size} s"
    elif size < HOUR:
        text = f"{size // MINUTE} min"
    elif size < 2 * DAY:
        text = f"{size // HOUR} h"
    else:
        text = f"{size // DAY} d"
    return f"in {text}" if seconds < 0 else f"{text} ago"


def exact(at: datetime) -> str:
    """To the second, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def local(at: datetime, zone: str) -> str:
    """To the second, in a site's zone, named."""
    return at.astimezone(ZoneInfo(zone)).strftime("%d %b %H:%M:%S %Z")


def dated(at: datetime, zone: str) -> str:
    """As `local`, with its year: for what is looked up long after."""
    return at.astimezone(ZoneInfo(zone)).strftime("%d %b %Y %H:%M:%S %Z")


def _decimals(value: int, places: int) -> str:
    sign, size = ("-" if value < 0 else ""), abs(value)
    whole, fraction = divmod(size, 10**places)
    return f"{sign}{grouped(whole)}.{fraction:0{places}d}"
