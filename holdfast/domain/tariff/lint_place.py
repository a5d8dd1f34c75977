"""Where and for whom a tariff will count, as far as lint needs to know it."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class LintPlace:
    """None is not known, and then nothing is said about it.

    `country` (ISO 3166-1 alpha-2) and `currency` are the site's. `max_power_w` is that of the
    strongest EVSE under the tariff. `ad_hoc`: drivers without a contract pay it. `calibration_law`:
    prices may change at signed readings only. `feeds` are the market prices that we receive,
    `today` is the day from which the tariff counts.
    """

    country: str | None = None
    currency: str | None = None
    max_power_w: int | None = None
    ad_hoc: bool = False
    calibration_law: bool = False
    feeds: frozenset[str] | None = None
    today: date | None = None


ANYWHERE = LintPlace()
