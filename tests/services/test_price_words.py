"""Prices in words: every language is whole, and the formats are those of the reader's country."""

import re
import string
from dataclasses import fields, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from holdfast.domain.currency import EUR, Currency
from holdfast.domain.finding import Finding
from holdfast.domain.tariff.shown import (
    LimitKind,
    ShownChange,
    ShownKind,
    ShownLimit,
    ShownLine,
    ShownPer,
    ShownPrice,
    UnitPrice,
)
from holdfast.domain.tariff.version import (
    Allowance,
    AllowancePer,
    DayOfWeek,
    DimensionType,
    Restrictions,
)
from holdfast.services.price_words import amounts
from holdfast.services.price_words.price_text import SHORT_LENGTH_MAX, price_text
from holdfast.services.price_words.reader import LANGUAGES, negotiate, reader_of
from holdfast.services.price_words.words import Language

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday, 13:00 in Berlin
WORKDAYS = tuple(DayOfWeek)[:5]


def unit(incl: str, vat: str | None = "19") -> UnitPrice:
    gross = Fraction(incl)
    rate = Fraction(vat or 0)
    return UnitPrice(
        incl=gross, excl=gross * 100 / (100 + rate), vat=None if vat is None else Decimal(vat)
    )


SHOWN = ShownPrice(
    currency=EUR,
    zone="Europe/Berlin",
    at=NOON,
    lines=(
        ShownLine(
            kind=ShownKind.ENERGY,
            per=ShownPer.KWH,
            price=unit("0.5831"),
            when=Restrictions(day_of_week=WORKDAYS, start_time=time(8), end_time=time(20)),
            holds=True,
        ),
        ShownLine(
            kind=ShownKind.ENERGY, per=ShownPer.KWH, price=unit("0.4641"), otherwise=True
        ),
        ShownLine(
            kind=ShownKind.CHARGING,
            per=ShownPer.MINUTE,
            price=unit("2/60"),
            when=Restrictions(min_duration=14_400),
        ),
        ShownLine(
            kind=ShownKind.OCCUPANCY,
            per=ShownPer.MINUTE,
            price=unit("0.119"),
            grace_s=900,
            holds=True,
        ),
        ShownLine(
            kind=ShownKind.SESSION, per=ShownPer.SESSION, price=unit("1234.5"), holds=True
        ),
    ),
    changes=(
        ShownChange(at=NOON + timedelta(hours=7), kind=ShownKind.ENERGY, price=unit("0.4641")),
        ShownChange(at=NOON + timedelta(hours=19), kind=ShownKind.ENERGY, price=unit("0.5831")),
    ),
    limits=(ShownLimit(kind=LimitKind.MAX_PRICE, incl=Decimal(50), excl=None),),
    allowances=(
        Allowance(type=DimensionType.ENERGY, quantity=Decimal(5), per=AllowancePer.MONTH),
    ),
    vat=(Decimal(19),),
)  # fmt: skip

# Spaces that do not break are written as "_" here and dashes as "-", so that they can be seen.
GOLDEN = {
    "en-GB": """\
Price for charging
Energy: €0.5831 per kWh (Mon-Fri, 08:00-20:00)
Energy: €0.4641 per kWh (otherwise)
Charging time: ≈_€0.0333 per minute (€2.00 per hour, after 4 hrs in the session)
Occupancy after charging: €0.119 per minute (charged from 15 mins after charging ends)
Starting fee: €1,234.50 per session
Maximum price per session: €50.00
Energy: 5 kWh free per month
Prices include 19_% VAT.""",
    "de-AT": """\
Preis für das Laden
Energie: €_0,5831 pro kWh (Mo-Fr, 08:00-20:00)
Energie: €_0,4641 pro kWh (sonst)
Ladezeit: ≈_€_0,0333 pro Minute (€_2,00 pro Stunde, ab 4 Std. nach Beginn)
Standzeit nach dem Laden: €_0,119 pro Minute (berechnet ab 15 Min. nach Ladeende)
Startgebühr: €_1.234,50 pro Ladevorgang
Höchstpreis pro Ladevorgang: €_50,00
Energie: 5 kWh frei pro Monat
Preise inklusive 19_% MwSt.""",
    "fr": """\
Prix de la recharge
Énergie_: 0,5831_€ par kWh (lun.-ven., 08:00-20:00)
Énergie_: 0,4641_€ par kWh (sinon)
Temps de charge_: ≈_0,0333_€ par minute (2,00_€ par heure, au-delà de 4_h de session)
Stationnement après la charge_: 0,119_€ par minute (compté à partir de 15_min après la fin de \
la charge)
Frais de démarrage_: 1_234,50_€ par session
Prix maximal par session_: 50,00_€
Énergie : 5_kWh sans frais par mois
Prix TTC, TVA de 19_% comprise.""",
    "sv": """\
Pris för laddning
Energi: 0,5831_€ per kWh (mån-fre, 08:00-20:00)
Energi: 0,4641_€ per kWh (annars)
Laddtid: ≈_0,0333_€ per minut (2,00_€ per timme, efter 4 tim)
Upptagen plats efter laddning: 0,119_€ per minut (räknas från 15 min efter avslutad laddning)
Startavgift: 1_234,50_€ per laddning
Högsta pris per laddning: 50,00_€
Energi: 5 kWh gratis per månad
Priserna inkluderar 19_% moms.""",
}


def visible(text: str) -> str:
    spaces: dict[str, str | int | None] = {
        "\N{NO-BREAK SPACE}": "_",
        "\N{NARROW NO-BREAK SPACE}": "_",
        "\N{EN DASH}": "-",
    }
    return text.translate(str.maketrans(spaces))


@pytest.mark.parametrize("locale", GOLDEN)
def test_a_price_list_reads_as_the_country_writes_it(locale: str) -> None:
    assert visible(price_text(SHOWN, locale).plain) == GOLDEN[locale]


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_every_phrase_with_the_placeholders_of_english(code: str) -> None:
    language, english = LANGUAGES[code], LANGUAGES["en"]
    for group in fields(Language):
        ours, theirs = getattr(language, group.name), getattr(english, group.name)
        if isinstance(ours, str):
            continue
        for field in fields(ours):
            text, other = getattr(ours, field.name), getattr(theirs, field.name)
            assert text.strip(), field.name
            assert _placeholders(text) == _placeholders(other), field.name
            if code != "en" and len(other) > 20:
                assert text != other, f"{field.name} is not translated"


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_price_list_says_everything_in_every_language(code: str) -> None:
    text = price_text(SHOWN, code)

    assert len(text.lines) == 6
    assert [line.now for line in text.lines] == [True, False, False, True, True, False]
    assert len(text.notes) == 2
    assert len(text.changes) == 2
    assert "0.4641" in text.changes[0].replace(",", ".")
    assert not re.search(r"[{}<>]|[\u202a-\u202e\u2066-\u2069]", text.plain + text.short)
    assert len(text.short) <= SHORT_LENGTH_MAX


def test_business_readers_find_the_price_before_tax() -> None:
    lines = price_text(SHOWN, "en").lines

    assert [line.before_tax for line in lines[:2]] == ["€0.49 excl. VAT", "€0.39 excl. VAT"]


def test_the_next_prices_name_the_day_where_it_is_another() -> None:
    changes = price_text(SHOWN, "de").changes

    assert [visible(change) for change in changes] == [
        "Ab 20:00: Energie, 0,4641_€ pro kWh",
        "Ab Do_08:00: Energie, 0,5831_€ pro kWh",
    ]


def test_prices_that_change_at_one_instant_share_a_line() -> None:
    change = SHOWN.changes[0]
    parking = replace(change, kind=ShownKind.OCCUPANCY, price=unit("0.119"))

    (line,) = price_text(replace(SHOWN, changes=(change, parking)), "en-GB").changes

    assert line == (
        "From 20:00: Energy, €0.4641 per kWh; Occupancy after charging, €0.119 per minute"
    )


def test_portuguese_is_written_as_in_portugal_unless_a_country_is_named() -> None:
    assert visible(amounts.money(Decimal("1.5"), "EUR", reader_of("pt"))) == "1,50_€"
    assert visible(amounts.money(Decimal("1.5"), "EUR", reader_of("pt-BR"))) == "€_1,50"


def test_a_text_too_long_for_a_display_loses_whole_lines_and_says_so() -> None:
    long = ShownPrice(
        currency=EUR, zone="Europe/Berlin", at=NOON, lines=SHOWN.lines * 3, vat=(Decimal(19),)
    )

    text = price_text(long, "fr")

    assert len(text.plain) > SHORT_LENGTH_MAX >= len(text.short)
    *kept, last = text.short.split("\n")
    assert last == "…"
    assert kept == text.plain.split("\n")[1 : len(kept) + 1]


def test_conditions_of_every_sort_are_said() -> None:
    when = Restrictions(
        start_time=time(22),
        start_date=date(2026, 6, 1),
        end_date=date(2026, 9, 1),
        day_of_week=(DayOfWeek.SATURDAY, DayOfWeek.SUNDAY),
        holiday=False,
        min_kwh=Decimal("7.5"),
        max_kwh=Decimal(30),
        max_duration=5_400,
        min_power=Decimal(11),
        max_current=Decimal(32),
    )
    line = ShownLine(
        kind=ShownKind.ENERGY, per=ShownPer.KWH, price=unit("0.4"), when=when, step=500
    )
    shown = ShownPrice(currency=EUR, zone="UTC", at=NOON, lines=(line,))

    assert visible(price_text(shown, "en").lines[0].condition) == (
        "Sat, Sun, from 22:00, from 1 Jun 2026, until 31 Aug 2026, not on public holidays, "
        "from 7.5 kWh to 30 kWh, in the first 90 mins of the session, at 11 kW or more, "
        "below 32 A, charged per started 0.5 kWh"
    )


@pytest.mark.parametrize(
    ("lines", "vat", "taxed", "codes", "note"),
    [
        ((unit("0.5"),), ("7", "19"), True, (), "Prices include 7_% / 19_% VAT."),
        ((unit("0.5", None),), (), True, (), "No VAT is charged."),
        ((unit("0.5", None),), (), False, (), "No VAT is charged."),
        (
            (UnitPrice(incl=Fraction(1, 2), excl=None),),
            (),
            True,
            (),
            "Prices include all taxes.",
        ),
        (
            (unit("0.5", None),),
            (),
            True,
            ("display_tax_unknown",),
            "Taxes may be added to these prices.",
        ),
        ((unit("0", None),), (), True, (), "Charging is free of charge here."),
    ],
)
def test_a_price_list_ends_with_what_is_true_of_tax(
    lines: tuple[UnitPrice, ...],
    vat: tuple[str, ...],
    taxed: bool,
    codes: tuple[str, ...],
    note: str,
) -> None:
    shown = ShownPrice(
        currency=EUR,
        zone="UTC",
        at=NOON,
        lines=tuple(
            ShownLine(kind=ShownKind.ENERGY, per=ShownPer.KWH, price=price) for price in lines
        ),
        vat=tuple(Decimal(rate) for rate in vat),
        taxed=taxed,
        findings=tuple(Finding(code=code, detail="") for code in codes),
    )

    assert visible(price_text(shown, "en").notes[-1]) == note


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        ("0.2345", "EUR", "en", "€0.2345"),
        ("0.49", "EUR", "de-CH", "EUR_0.49"),
        ("3", "SEK", "en", "SEK_3.00"),
        ("3", "SEK", "sv-SE", "3,00_kr"),
        ("12.5", "DKK", "da", "12,50_kr."),
        ("1.2", "PLN", "pl", "1,20_zł"),
        ("120", "JPY", "en-US", "¥120"),
        ("0.5", "JPY", "en", "JP¥0.5"),
        ("1/3", "EUR", "nl-NL", "≈_€_0,3333"),
        ("-4.20", "EUR", "es", "-4,20_€"),
    ],
)
def test_money_keeps_its_decimals(amount: str, currency: str, locale: str, text: str) -> None:
    shown = amounts.money(Fraction(amount), Currency.of(currency).code, reader_of(locale))

    assert visible(shown) == text


@pytest.mark.parametrize(
    ("header", "wish", "tag"),
    [
        (None, None, "en-GB"),
        ("de-AT,de;q=0.9,en;q=0.8", None, "de-AT"),
        ("ja,fr;q=0.5,de;q=0.9", None, "de"),
        ("de;q=0, fr;q=0.1", None, "fr"),
        ("zh-Hans-CN", None, "en-GB"),
        ("en-US,en;q=0.5", None, "en-US"),
        ("fr", "pl-PL", "pl-PL"),
        ("fr", "xx", "fr"),
        ("fr", "../../etc", "fr"),
        ("de-JP", None, "de"),
        ("*", None, "en-GB"),
        ("ja," * 100 + "de", None, "en-GB"),
        ("sv;q=banana", None, "sv"),
    ],
)
def test_the_language_is_the_readers_wish_within_limits(
    header: str | None, wish: str | None, tag: str
) -> None:
    assert negotiate(header, wish=wish).tag == tag
