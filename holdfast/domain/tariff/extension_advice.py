"""What is more than OCPI can say: holidays, allowances, caps, groups, and where they are odd."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from holdfast.domain.finding import Finding, note, review
from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import (
    AllowancePer,
    DimensionType,
    TariffType,
    TariffVersion,
)
from holdfast.domain.tariff.wording import KIND_WORDS, plain

HOLIDAYS_AHEAD = timedelta(days=366)
"""A calendar that knows less of the future has to be written out anew."""


def extension_findings(tariff: TariffVersion, place: LintPlace) -> Iterator[Finding]:
    """Advice on our own fields."""
    yield from _holidays(tariff, place)
    yield from _allowances(tariff)
    ad_hoc = place.ad_hoc or tariff.type is TariffType.AD_HOC_PAYMENT
    if ad_hoc:
        yield from _of_strangers(tariff)
    kinds = {item.type for item in tariff.components}
    if tariff.idle_grace_s and DimensionType.PARKING_TIME not in kinds:
        yield note(
            "grace_without_fee", "there is a grace before parking counts, and parking costs nothing"
        )


def _holidays(tariff: TariffVersion, place: LintPlace) -> Iterator[Finding]:
    used = [
        f"elements[{number}]"
        for number, element in enumerate(tariff.elements)
        if element.restrictions is not None and element.restrictions.holiday is not None
    ]
    if not used:
        if tariff.holidays or tariff.holiday_calendar:
            yield note(
                "holidays_unused",
                "the tariff has a calendar of holidays and no element asks for them",
            )
        return
    if not tariff.holidays and tariff.holiday_calendar is None:
        yield review(
            "holidays_missing",
            f"{used[0]} asks for public holidays and the tariff names no calendar, so no day is"
            " one: set holiday_calendar",
        )
        return
    if not tariff.holidays or place.today is None:
        return
    last = max(tariff.holidays)
    if last < place.today:
        yield review(
            "holidays_ended",
            f"the last known holiday was {last}: publish the tariff again for the next years",
        )
    elif last - place.today < HOLIDAYS_AHEAD:
        yield review(
            "holidays_ending",
            f"holidays are known until {last}: publish the tariff again before then",
        )


def _allowances(tariff: TariffVersion) -> Iterator[Finding]:
    kinds = {item.type for item in tariff.components}
    by_span = {(item.type, item.per): item.quantity for item in tariff.allowances}
    for allowance in tariff.allowances:
        kind = KIND_WORDS[allowance.type]
        if not allowance.quantity:
            yield note(
                "allowance_empty", f"an allowance of 0 of {kind} per {allowance.per} frees nothing"
            )
        elif allowance.type not in kinds:
            yield review(
                "allowance_unpriced",
                f"there is free {kind} per {allowance.per}, and {kind} costs nothing anyway",
            )
    for shorter, longer in pairwise(AllowancePer):
        for kind_ in DimensionType:
            small, great = by_span.get((kind_, shorter)), by_span.get((kind_, longer))
            if small and great and small >= great:
                yield review(
                    "allowance_hidden",
                    f"free {KIND_WORDS[kind_]}: {plain(small)} per {shorter} is not less than"
                    f" {plain(great)} per {longer}",
                )


def _of_strangers(tariff: TariffVersion) -> Iterator[Finding]:
    """Who pays ad hoc is not known again."""
    spans = {item.per for item in tariff.allowances} - {AllowancePer.SESSION}
    for span in sorted(spans):
        yield review(
            "allowance_of_strangers",
            f"free use per {span} needs to know a driver again, ad hoc we do not: it counts anew"
            " in each session",
        )
    if tariff.daily_cap is not None:
        yield review(
            "cap_of_strangers",
            "a cap per day needs to know a driver again, ad hoc we do not: it counts anew in each"
            " session",
        )
    if any(
        element.restrictions is not None and element.restrictions.user_groups
        for element in tariff.elements
    ):
        yield review(
            "groups_of_strangers", "a price for groups of users never applies to ad hoc drivers"
        )
