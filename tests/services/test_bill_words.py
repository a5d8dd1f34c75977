"""Bills in words: lines of one price added up, every reason said, nothing worked out again."""

import pytest

from holdfast.services.price_words.bill_text import bill_text
from holdfast.services.price_words.reader import LANGUAGES, reader_of


def line(
    dimension: str, quantity: str, incl: str, reason: str = "used", **more: object
) -> dict[str, object]:
    return {
        "dimension": dimension,
        "reason": reason,
        "quantity": quantity,
        "unit_price": "0.5",
        "vat": "19",
        "incl_vat_exact": incl,
        "excl_vat_exact": None,
        **more,
    }


PRICE = {
    "currency": "EUR",
    "excl_vat": "16.81",
    "incl_vat": "20.00",
    "breakdown": {
        "lines": [
            line("ENERGY", "2", "0", "allowance", unit_price="0.3"),
            line("ENERGY", "3", "0", "allowance"),
            line("ENERGY", "10", "5.95"),
            line("ENERGY", "20.5", "12.1975"),
            line("ENERGY", "0.5", "0.2975", "step_size"),
            line("PARKING_TIME", "5400", "54/10", unit_price="3"),
            line("RESERVATION_TIME", "600", "0.20", unit_price="1.2"),
            line("RESERVATION_FLAT", "1", "1", unit_price="1"),
        ],
        "adjustments": [
            {"reason": "daily_cap", "day": "2026-03-04", "incl_vat_exact": "-5"},
            {"reason": "max_price", "incl_vat_exact": "-0.0467"},
            {"reason": "a reason of later times", "incl_vat_exact": "0"},
        ],
        "taxes": [
            {"vat": "19", "net": "16.81", "tax": "3.19"},
            {"vat": None, "net": "0.00", "tax": "0.00"},
        ],
        "rounding": {"incl_vat": "0.0017", "excl_vat": "0"},
        "findings": [{"code": "interpolated", "detail": ""}],
    },
}  # fmt: skip


def test_a_bill_says_what_was_used_what_was_free_and_what_was_capped() -> None:
    bill = bill_text(PRICE, reader_of("en"), signed=True, open_payment=True)

    shown = [
        (each.label, each.note, each.quantity, each.unit_price, each.amount) for each in bill.lines
    ]
    assert shown == [
        ("Energy", "free allowance", "5 kWh", "", "€0.00"),
        ("Energy", "", "30.5 kWh", "€0.595 per kWh", "€18.1475"),
        ("Energy", "rounded up to the next full step", "0.5 kWh", "€0.595 per kWh", "€0.2975"),
        ("Occupancy after charging", "", "90 mins", "€0.06 per minute", "€5.40"),
        ("Reservation", "", "10 mins", "€0.02 per minute", "€0.20"),
        ("Reservation fee", "", "1", "€1.00 per session", "€1.00"),
    ]  # fmt: skip
    assert bill.sums == (
        ("Maximum price per day (4 Mar 2026)", "-€5.00"),
        ("Maximum price per session", "-€0.0467"),
        ("Rounding", "€0.0017"),
    )
    assert [(tax.rate, tax.net, tax.tax) for tax in bill.taxes] == [
        ("19\N{NO-BREAK SPACE}%", "€16.81", "€3.19")
    ]
    assert (bill.net, bill.total) == ("€16.81", "€20.00")
    assert len(bill.notes) == 3


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_bill_can_be_read_in_every_language(code: str) -> None:
    bill = bill_text(PRICE, reader_of(code), signed=True)

    assert len({each.label for each in bill.lines}) == 4
    assert all(label for label, _ in bill.sums)
    assert len(bill.notes) == 2


def test_a_session_without_a_tariff_says_that_it_is_free() -> None:
    price = {
        "currency": "EUR",
        "excl_vat": "0.00",
        "incl_vat": "0.00",
        "breakdown": {"lines": [], "note": "no tariff was in force when the session began"},
    }

    bill = bill_text(price, reader_of("de"))

    assert bill.notes == ("Es galt kein Tarif: Dieser Ladevorgang ist kostenlos.",)
    assert bill.total == "0,00\N{NO-BREAK SPACE}€"


def test_an_old_or_odd_breakdown_is_worded_by_the_fields_it_has() -> None:
    price = {
        "currency": "EUR",
        "excl_vat": None,
        "incl_vat": "1.00",
        "breakdown": {
            "lines": [
                "text",
                {"dimension": "SEATS"},
                {"dimension": "FLAT", "quantity": "1", "incl_vat_exact": "1/0"},
            ],
            "adjustments": None,
            "rounding": None,
        },
    }

    bill = bill_text(price, reader_of("en"))

    assert [(each.label, each.quantity, each.amount, each.vat) for each in bill.lines] == [
        ("Starting fee", "1", "€0.00", "")
    ]
    assert (bill.net, bill.sums, bill.taxes) == (None, (), ())
