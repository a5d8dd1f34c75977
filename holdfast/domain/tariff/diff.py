"""How two versions of a tariff differ, in sentences that who approves one understands."""

from collections.abc import Iterator, Sequence
from datetime import date

from holdfast.domain.currency import Currency
from holdfast.domain.tariff.version import (
    Allowance,
    DimensionType,
    PriceComponent,
    PriceLimit,
    Restrictions,
    TariffElement,
    TariffVersion,
)
from holdfast.domain.tariff.wording import (
    ALWAYS,
    KIND_WORDS,
    component_words,
    listed,
    plain,
    restriction_words,
    seconds_words,
)

DATES_SAID_MAX = 10


def differences(old: TariffVersion, new: TariffVersion) -> tuple[str, ...]:
    """One sentence per change; none where both price alike by the same words.

    Elements are matched by when they apply, then by what they cost, so that one put in between
    does not read as a change of all that follow. Ids are not compared: they name the versions.
    """
    said = [*_head(old, new), *_elements(old, new), *_limits(old, new), *_extras(old, new)]
    if not said and _without_id(old) != _without_id(new):
        said.append("Only the way it is written changes, no price does.")
    return tuple(said)


def _without_id(version: TariffVersion) -> tuple[object, ...]:
    return tuple(
        getattr(version, name) for name in TariffVersion.__dataclass_fields__ if name != "id"
    )


def _head(old: TariffVersion, new: TariffVersion) -> Iterator[str]:
    if old.currency != new.currency:
        yield f"The currency becomes {new.currency} instead of {old.currency}."
    if old.type != new.type:
        yield f"The type becomes {new.type or 'none'} instead of {old.type or 'none'}."
    if old.tax_included != new.tax_included:
        before, after = old.tax_included or "not stated", new.tax_included or "not stated"
        yield f"Whether prices include tax becomes {after} instead of {before}."


def _elements(old: TariffVersion, new: TariffVersion) -> Iterator[str]:
    pairs = _matched(old.elements, new.elements)
    for number, element in enumerate(old.elements):
        if number not in pairs:
            prices = _prices(element, old.currency)
            yield f"Removed, {_when(element)}: {prices}."
    for before, after in sorted(pairs.items(), key=lambda pair: pair[1]):
        yield from _element(old.elements[before], new.elements[after], new.currency)
    kept = set(pairs.values())
    for number, element in enumerate(new.elements):
        if number not in kept:
            prices = _prices(element, new.currency)
            yield f"Added in place {number + 1}, {_when(element)}: {prices}."
    order = [pairs[before] for before in sorted(pairs)]
    stay = set(_longest_rising(order))
    for before in sorted(pairs):
        if pairs[before] not in stay:
            yield (
                f"Moved from place {before + 1} to {pairs[before] + 1}, so other prices may come"
                f" first: {_when(new.elements[pairs[before]])}."
            )


def _matched(old: Sequence[TariffElement], new: Sequence[TariffElement]) -> dict[int, int]:
    """Which element became which, by index: the same first, then the likest."""
    pairs: dict[int, int] = {}
    for likeness_min in (4, 3, 2, 1):
        for before, mine in enumerate(old):
            if before in pairs:
                continue
            taken = set(pairs.values())
            for after, theirs in enumerate(new):
                if after not in taken and _likeness(mine, theirs) >= likeness_min:
                    pairs[before] = after
                    break
    return pairs


def _likeness(mine: TariffElement, theirs: TariffElement) -> int:
    """4 the same; 3 at the same times; 2 at the same prices; 1 alike in kind and half the times."""
    if mine == theirs:
        return 4
    first, second = mine.restrictions or Restrictions(), theirs.restrictions or Restrictions()
    if first == second:
        return 3
    if mine.price_components == theirs.price_components:
        return 2
    if first.reservation is not second.reservation:
        return 0
    kinds = {item.type for item in mine.price_components}
    if kinds != {item.type for item in theirs.price_components}:
        return 0
    fields = [name for name in Restrictions.__dataclass_fields__ if _set(first, second, name)]
    same = [name for name in fields if getattr(first, name) == getattr(second, name)]
    return 1 if 2 * len(same) >= len(fields) else 0


def _set(first: Restrictions, second: Restrictions, name: str) -> bool:
    return any(getattr(limits, name) not in (None, ()) for limits in (first, second))


def _element(old: TariffElement, new: TariffElement, currency: Currency) -> Iterator[str]:
    before, after = _when(old), _when(new)
    if before != after:
        yield f"{_prices(new, currency)}: applies {after} instead of {before}."
    for kind in DimensionType:
        was, becomes = old.component(kind), new.component(kind)
        place = KIND_WORDS[kind] if after == ALWAYS else f"{KIND_WORDS[kind]} {after}"
        place = place[0].upper() + place[1:]
        if was is None and becomes is not None:
            yield f"{place}: is priced now, {component_words(becomes, currency)}."
        elif was is not None and becomes is None:
            yield f"{place}: is no longer priced here, it was {component_words(was, currency)}."
        elif was is not None and becomes is not None:
            yield from _component_changes(place, was, becomes, currency)


def _component_changes(
    place: str, was: PriceComponent, becomes: PriceComponent, currency: Currency
) -> Iterator[str]:
    if (was.price, was.spot) != (becomes.price, becomes.spot):
        if was.spot is None and becomes.spot is None:
            yield f"{place}: {plain(was.price)} becomes {component_words(becomes, currency)}."
        else:
            before, after = component_words(was, currency), component_words(becomes, currency)
            yield f"{place}: {before} becomes {after}."
    if was.vat != becomes.vat:
        yield f"{place}: {_vat(was)} becomes {_vat(becomes)}."
    if was.step_size != becomes.step_size and was.type is not DimensionType.FLAT:
        unit = "Wh" if was.type is DimensionType.ENERGY else "s"
        yield (
            f"{place}: whole blocks of {becomes.step_size} {unit} are billed instead of"
            f" {was.step_size} {unit}."
        )


def _vat(component: PriceComponent) -> str:
    return "no VAT" if component.vat is None else f"{plain(component.vat)} % VAT"


def _limits(old: TariffVersion, new: TariffVersion) -> Iterator[str]:
    for words, before, after in (
        ("The least price of a session", old.min_price, new.min_price),
        ("The greatest price of a session", old.max_price, new.max_price),
        ("The greatest price of a day", old.daily_cap, new.daily_cap),
    ):
        if before != after:
            yield f"{words}: {_limit(before, old)} becomes {_limit(after, new)}."


def _limit(limit: PriceLimit | None, version: TariffVersion) -> str:
    if limit is None:
        return "none"
    sides = [
        f"{plain(amount)} {version.currency} {side} tax"
        for amount, side in ((limit.excl_vat, "before"), (limit.incl_vat, "after"))
        if amount is not None
    ]
    return " and ".join(sides)


def _extras(old: TariffVersion, new: TariffVersion) -> Iterator[str]:
    if old.idle_grace_s != new.idle_grace_s:
        yield (
            f"The grace before parking counts: {seconds_words(old.idle_grace_s)} becomes"
            f" {seconds_words(new.idle_grace_s)}."
        )
    before = {(item.type, item.per): item for item in old.allowances}
    after = {(item.type, item.per): item for item in new.allowances}
    for key in [*before, *(key for key in after if key not in before)]:
        was, becomes = before.get(key), after.get(key)
        if (was and was.quantity) != (becomes and becomes.quantity):
            kind, per = key
            yield (
                f"Free {KIND_WORDS[kind]} per {per}: {_quantity(was)} becomes {_quantity(becomes)}."
            )
    if old.holiday_calendar != new.holiday_calendar:
        yield (
            f"The calendar of holidays becomes {new.holiday_calendar or 'none'} instead of"
            f" {old.holiday_calendar or 'none'}."
        )
    added = sorted(set(new.holidays) - set(old.holidays))
    removed = sorted(set(old.holidays) - set(new.holidays))
    if added:
        yield f"Days that become holidays: {_dates(added)}."
    if removed:
        yield f"Days that are no holidays any more: {_dates(removed)}."


def _quantity(allowance: Allowance | None) -> str:
    if allowance is None:
        return "nothing"
    if allowance.type is DimensionType.ENERGY:
        return f"{plain(allowance.quantity)} kWh"
    return seconds_words(int(allowance.quantity))


def _dates(days: Sequence[date]) -> str:
    said = listed([day.isoformat() for day in days[:DATES_SAID_MAX]])
    more = len(days) - DATES_SAID_MAX
    return said if more <= 0 else f"{said} and {more} more"


def _when(element: TariffElement) -> str:
    return restriction_words(element.restrictions)


def _prices(element: TariffElement, currency: Currency) -> str:
    words = [
        f"{KIND_WORDS[item.type]} {component_words(item, currency)} ({_vat(item)})"
        for item in element.price_components
    ]
    text = listed(words)
    return text[0].upper() + text[1:]


def _longest_rising(numbers: Sequence[int]) -> list[int]:
    """The most that can stay where it is; the rest moved."""
    best: list[list[int]] = []
    for number in numbers:
        ahead = [run for run in best if run[-1] < number]
        best.append([*max(ahead, key=len, default=[]), number])
    return max(best, key=len, default=[])
