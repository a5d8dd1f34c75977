"""The phrases that a language must have. A missing one is a type error, not a gap on a page.

Placeholders in braces are the same in every language (a test compares them); what fills them is
formatted for the reader's country before.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceWords:
    """A price list."""

    title: str
    energy: str
    charging: str
    occupancy: str
    session: str
    reservation: str
    reservation_fee: str
    unused: str
    per_kwh: str
    per_minute: str
    per_hour: str
    per_session: str
    free: str
    all_free: str
    otherwise: str
    now: str
    from_time: str
    until_time: str
    from_date: str
    until_date: str
    on_holidays: str
    not_on_holidays: str
    after_energy: str
    first_energy: str
    after_duration: str
    first_duration: str
    between: str
    at_least: str
    below: str
    grace: str
    step: str
    min_price: str
    max_price: str
    daily_cap: str
    allowance_session: str
    allowance_day: str
    allowance_month: str
    before_tax: str
    tax_included: str
    tax_included_unstated: str
    tax_unknown: str
    no_tax: str
    market: str
    market_floor: str
    market_ceiling: str
    market_unknown: str
    change: str
    first_counts: str
    power_decides: str
    colon: str = ": "


@dataclass(frozen=True, slots=True, kw_only=True)
class BillWords:
    """A receipt, and the same lines of an estimate."""

    receipt: str
    station: str
    place: str
    session: str
    started: str
    ended: str
    duration: str
    item: str
    quantity: str
    unit_price: str
    vat: str
    net: str
    gross: str
    total: str
    rounding: str
    rounding_policy: str
    step_size: str
    allowance: str
    daily_cap: str
    no_tariff: str
    nothing: str
    signed: str
    interpolated: str
    outcome_open: str
    outcome_free: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWords:
    """The public price page of a charge point."""

    heading: str
    power: str
    estimate: str
    estimate_hint: str
    kwh: str
    minutes: str
    parked: str
    calculate: str
    result: str
    changes: str
    no_price: str
    no_price_hint: str
    unknown: str
    unknown_hint: str
    often: str
    language: str
    spot_hint: str
    operator: str
    not_valid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language's words. `code` is its BCP 47 subtag, `name` what its readers call it."""

    code: str
    name: str
    price: PriceWords
    bill: BillWords
    page: PageWords
