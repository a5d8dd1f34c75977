"""Our tariffs in OCPI's words: what is said costs the same, what cannot be said is listed."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from holdfast.domain.currency import EUR
from holdfast.domain.finding import Severity
from holdfast.domain.pricing.context import PriceContext, SpotCurve
from holdfast.domain.pricing.periods import cut_periods
from holdfast.domain.pricing.price import price
from holdfast.domain.tariff.foreign import foreign_tariff
from holdfast.domain.tariff.ocpi import OcpiHeader, OcpiReader, Rendering, json_text, render
from holdfast.domain.tariff.version import (
    Allowance,
    AllowancePer,
    DayOfWeek,
    DimensionType,
    PriceComponent,
    PriceLimit,
    Restrictions,
    SpotPrice,
    TariffElement,
    TariffType,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.pricing.chance import case
from tests.domain.tariffs import charging, element, energy, flat, parking, tariff

FORMS = ("2.2.1", "2.3.0")
EXACT = {"ocpi_groups", "ocpi_holidays", "ocpi_spot", "ocpi_fine_price", "ocpi_no_vat"}
"""What is said of these leaves the price of a session inside the known hours as it is."""


def told(rendering: Rendering) -> TariffVersion:
    """As a partner reads it from the wire."""
    read = foreign_tariff(json.loads(json_text(rendering.tariff), parse_float=Decimal))
    assert read.version is not None
    assert [item for item in read.findings if item.severity is not Severity.NOTE] == []
    return read.version


def elements(version: TariffVersion, form: str = "2.2.1", **reader: Any) -> list[dict[str, Any]]:
    shown = render(version, form, reader=OcpiReader(**reader)).tariff["elements"]
    assert isinstance(shown, list)
    return shown


def limits(version: TariffVersion, **reader: Any) -> list[dict[str, Any]]:
    """The restrictions of each element, and what energy costs in it."""
    return [
        {
            **item.get("restrictions", {}),
            "energy": {each["type"]: each["price"] for each in item["price_components"]}["ENERGY"],
        }
        for item in elements(version, **reader)
    ]


def losses(version: TariffVersion, form: str = "2.2.1", **reader: Any) -> dict[str, str]:
    rendering = render(version, form, reader=OcpiReader(**reader))
    return {item.code: item.detail for item in rendering.losses}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(2))
def test_groups_holidays_markets_and_free_energy_cost_the_same_in_ocpis_words(
    form: str, seed: int
) -> None:
    chance, compared, rewritten = Random(seed), 0, 0  # noqa: S311 - cases, not secrets
    for _ in range(100):
        now = case(chance)
        ours = replace(
            now.tariff,
            idle_grace_s=0,
            daily_cap=None,
            allowances=tuple(
                item
                for item in now.tariff.allowances
                if (item.type, item.per) == (DimensionType.ENERGY, AllowancePer.SESSION)
            ),
        )
        reader = OcpiReader(
            user_groups=now.context.user_groups, zone=now.context.zone, spot=now.context.spot
        )

        rendering = render(ours, form, reader=reader)

        if {item.code for item in rendering.losses} <= EXACT:
            theirs = told(rendering)
            plain = PriceContext(zone=now.context.zone)
            kept = price(ours, cut_periods(now.course, ours, now.context), now.context)
            said = price(theirs, cut_periods(now.course, theirs, plain), plain)
            assert said.exact_incl == kept.exact_incl
            assert said.exact_excl == kept.exact_excl or kept.exact_excl is None
            compared += 1
            rewritten += len(theirs.elements) != len(ours.elements)
    assert compared > 20
    assert rewritten > 10


def test_a_head_is_written_where_one_is_given() -> None:
    version = replace(tariff(element(energy("0.25", "19"))), type=TariffType.REGULAR)
    header = OcpiHeader(
        country_code="DE",
        party_id="HFT",
        last_updated=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        start_date_time=datetime(2026, 2, 1, tzinfo=UTC),
        alt_text={"en": "0.25 EUR per kWh"},
        alt_url="https://example.org/price",
    )

    shown = json.loads(json_text(render(version, "2.3.0", header=header).tariff))

    assert shown == {
        "country_code": "DE",
        "party_id": "HFT",
        "id": "T1",
        "currency": "EUR",
        "type": "REGULAR",
        "tariff_alt_text": [{"language": "en", "text": "0.25 EUR per kWh"}],
        "tariff_alt_url": "https://example.org/price",
        "elements": [
            {"price_components": [{"type": "ENERGY", "price": 0.25, "vat": 19, "step_size": 1}]}
        ],
        "tax_included": "NO",
        "start_date_time": "2026-02-01T00:00:00Z",
        "last_updated": "2026-01-02T03:04:05Z",
    }
    assert foreign_tariff(shown).valid_from == header.start_date_time


def test_numbers_are_written_without_exponents_and_texts_are_escaped() -> None:
    shown = json_text({"a": [Decimal("1E+2"), Decimal("0.10"), Decimal("1E-6")], 'b"': None})

    assert shown == '{"a": [100, 0.1, 0.000001], "b\\"": null}'


def test_limits_are_named_as_the_form_names_them() -> None:
    limit = PriceLimit(excl_vat=Decimal(10), incl_vat=Decimal("11.9"))
    version = replace(tariff(element(energy("0.25", "19"))), max_price=limit, min_price=limit)
    after_only = replace(version, max_price=PriceLimit(incl_vat=Decimal(5)), min_price=None)

    assert render(version, "2.2.1").tariff["max_price"] == {
        "excl_vat": Decimal(10),
        "incl_vat": Decimal("11.9"),
    }
    assert render(version, "2.3.0").tariff["min_price"] == {
        "before_taxes": Decimal(10),
        "after_taxes": Decimal("11.9"),
    }
    assert "max_price" not in render(after_only, "2.3.0").tariff
    assert "ocpi_limit" in losses(after_only)


@pytest.mark.parametrize(
    ("stated", "vats", "said"),
    [
        (None, (None, None), "N/A"),
        (None, ("19", "0"), "NO"),
        (None, ("19", None), "NO"),
        (TaxIncluded.YES, ("19", None), "YES"),
        (TaxIncluded.NO, (None, None), "NO"),
    ],
)
def test_a_2_3_0_tariff_always_states_how_it_stands_to_tax(
    stated: TaxIncluded | None, vats: tuple[str | None, ...], said: str
) -> None:
    first, second = vats
    version = tariff(element(energy("0.2", first), parking("1", second)), tax_included=stated)

    assert render(version, "2.3.0").tariff["tax_included"] == said
    assert "tax_included" not in render(version, "2.2.1").tariff


def test_prices_that_include_tax_are_said_before_tax_in_2_2_1() -> None:
    def gross(price_: str, vat: str | None) -> TariffVersion:
        return tariff(element(energy(price_, vat)), tax_included=TaxIncluded.YES)

    exact, endless, unknown = gross("0.48", "20"), gross("0.49", "19"), gross("0.49", None)

    assert elements(exact)[0]["price_components"][0]["price"] == Decimal("0.4")
    assert losses(exact) == {}
    assert elements(endless)[0]["price_components"][0]["price"] == Decimal("0.411765")
    assert "no exact price before tax: 0.411765" in losses(endless)["ocpi_net_rounded"]
    [loss] = render(unknown, "2.2.1").losses
    assert (loss.code, loss.severity) == ("ocpi_tax_unknown", Severity.BLOCK)
    assert losses(endless, "2.3.0") == {}


def test_a_tariff_that_no_tax_applies_to_has_no_rates() -> None:
    version = tariff(element(energy("0.2", "19")), tax_included=TaxIncluded.NOT_APPLICABLE)

    assert "vat" not in elements(version, "2.2.1")[0]["price_components"][0]


def test_holidays_become_dates() -> None:
    version = replace(
        tariff(
            element(energy("0.3"), when=Restrictions(holiday=True, start_time=time(8))),
            element(energy("0.4"), when=Restrictions(holiday=False, end_date=date(2027, 1, 2))),
        ),
        holidays=(date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1)),
    )

    assert limits(version) == [
        {"start_time": "08:00", "start_date": "2026-12-25", "end_date": "2026-12-27",
         "energy": Decimal("0.3")},
        {"start_time": "08:00", "start_date": "2027-01-01", "end_date": "2027-01-02",
         "energy": Decimal("0.3")},
        {"end_date": "2026-12-25", "energy": Decimal("0.4")},
        {"start_date": "2026-12-27", "end_date": "2027-01-01", "energy": Decimal("0.4")},
    ]  # fmt: skip
    assert "up to 2027-01-01" in losses(version)["ocpi_holidays"]


def test_where_holidays_are_priced_ahead_other_days_need_no_dates() -> None:
    version = replace(
        tariff(
            element(energy("0.3"), when=Restrictions(holiday=True)),
            element(energy("0.4"), when=Restrictions(holiday=False)),
        ),
        holidays=(date(2026, 12, 25), date(2027, 1, 1)),
    )

    assert len(elements(version)) == 3
    assert limits(version)[-1] == {"energy": Decimal("0.4")}


def test_a_tariff_is_said_for_one_kind_of_driver() -> None:
    version = tariff(
        element(energy("0.1"), when=Restrictions(user_groups=("staff",))), element(energy("0.4"))
    )

    assert limits(version) == [{"energy": Decimal("0.4")}]
    assert "staff" in losses(version)["ocpi_groups"]
    staff = limits(version, user_groups=frozenset({"staff"}))
    assert staff == [{"energy": Decimal("0.1")}, {"energy": Decimal("0.4")}]


def test_for_drivers_whom_no_element_is_for_all_is_free() -> None:
    version = tariff(element(energy("0.1"), when=Restrictions(user_groups=("staff",))))

    read = told(render(version, "2.2.1"))

    assert read.elements == (TariffElement(price_components=(flat("0"),)),)


def follows(feed: str, markup: str, factor: str = "1") -> PriceComponent:
    return PriceComponent(
        type=DimensionType.ENERGY,
        price=Decimal(markup),
        spot=SpotPrice(feed=feed, fallback=Decimal("0.2"), factor=Decimal(factor)),
    )


def test_known_hours_of_a_market_become_elements_and_the_rest_is_a_loss() -> None:
    ten = datetime(2026, 3, 4, 9, tzinfo=UTC)  # 10:00 in Berlin
    curve = SpotCurve(
        starts=(ten, ten + timedelta(hours=1), ten + timedelta(hours=2)),
        prices=(Decimal("0.1"), Decimal("0.1"), Decimal("-0.9")),
        ends_at=ten + timedelta(hours=3),
    )
    version = tariff(
        element(follows("DE", "0.05"), flat("1"), when=Restrictions(start_time=time(10, 30))),
        element(energy("0.4")),
    )

    shown = limits(version, zone="Europe/Berlin", spot={"DE": curve})

    day = {"start_date": "2026-03-04", "end_date": "2026-03-05"}
    assert shown == [
        {"start_time": "10:30", "end_time": "12:00", **day, "energy": Decimal("0.15")},
        {"start_time": "12:00", "end_time": "13:00", **day, "energy": Decimal(0)},
        {"start_time": "10:30", "energy": Decimal("0.25")},
        {"energy": Decimal("0.4")},
    ]
    assert "from 2026-03-04 12:00 UTC on" in losses(version, spot={"DE": curve})["ocpi_spot"]
    assert "at all times" in losses(version)["ocpi_spot"]
    fine = replace(curve, prices=(Decimal("0.012345"), None, None))
    tiny = tariff(element(follows("DE", "0", "0.0001")))
    assert "ocpi_spot_rounded" in losses(tiny, spot={"DE": fine})


def test_an_hour_that_happens_twice_has_one_price_in_ocpi() -> None:
    two = datetime(2026, 10, 25, 0, tzinfo=UTC)  # 02:00 in Berlin, for the first time
    curve = SpotCurve(
        starts=(two, two + timedelta(hours=1)),
        prices=(Decimal("0.1"), Decimal("0.3")),
        ends_at=two + timedelta(hours=2),
    )
    version = tariff(element(follows("DE", "0")))

    first, *_ = limits(version, zone="Europe/Berlin", spot={"DE": curve})

    assert (first["start_time"], first["end_time"]) == ("02:00", "03:00")
    assert first["energy"] == Decimal("0.1")
    assert "twice" in losses(version, zone="Europe/Berlin", spot={"DE": curve})["ocpi_hour_twice"]


def free(quantity: str, per: AllowancePer = AllowancePer.SESSION) -> Allowance:
    return Allowance(type=DimensionType.ENERGY, quantity=Decimal(quantity), per=per)


def test_free_energy_of_a_session_is_a_first_element_where_that_is_the_same() -> None:
    whole = replace(tariff(element(energy("0.4"))), allowances=(free("2"),))
    blocks = replace(tariff(element(energy("0.4", step_size=300))), allowances=(free("2"),))
    gap = replace(
        tariff(element(energy("0.4"), when=Restrictions(end_time=time(6)))), allowances=(free("2"),)
    )

    assert limits(whole) == [
        {"max_kwh": Decimal(2), "energy": Decimal(0)}, {"energy": Decimal("0.4")}
    ]  # fmt: skip
    assert losses(whole) == {}
    assert "ocpi_allowance" in losses(blocks)
    assert "ocpi_allowance" in losses(gap)
    assert len(elements(gap)) == 1


def test_what_ocpi_cannot_say_is_said_in_words() -> None:
    version = replace(
        tariff(element(energy("0.4"), parking("6"), charging("1"))),
        idle_grace_s=900,
        daily_cap=PriceLimit(excl_vat=Decimal(20)),
        allowances=(
            free("5", AllowancePer.MONTH),
            Allowance(type=DimensionType.TIME, quantity=Decimal(1_800)),
        ),
    )

    shown = render(version, "2.3.0")

    said = [item.detail for item in shown.losses]
    assert said[0].startswith("parking is free for 15 min after charging")
    assert said[1].startswith("5 kWh of energy per month are free")
    assert said[2].startswith("30 min of charging time per session are free")
    assert said[3].startswith("a day costs at most 20 EUR")
    assert all(item.severity is Severity.REVIEW for item in shown.losses)
    assert set(shown.tariff) == {"id", "currency", "elements", "tax_included"}


def test_what_a_partner_may_round_away_or_refuse_is_noted() -> None:
    version = replace(tariff(element(energy("0.123456"))), id="x" * 40)

    assert set(losses(version)) == {"ocpi_fine_price", "id_too_long"}


def test_more_elements_than_can_be_written_are_a_loss_that_blocks() -> None:
    days = tuple(date(2026, 1, 1) + timedelta(days=2 * number) for number in range(600))
    version = TariffVersion(
        id="T1",
        currency=EUR,
        elements=(
            element(energy("0.3"), when=Restrictions(holiday=True)),
            element(flat("1"), when=Restrictions(holiday=False, day_of_week=tuple(DayOfWeek)[:5])),
        ),
        holidays=days,
    )

    rendering = render(version, "2.2.1")

    assert "ocpi_too_many_elements" in {item.code for item in rendering.losses}
    assert len(told(rendering).elements) == 1_000


def test_there_is_no_other_form() -> None:
    with pytest.raises(ValueError, match=r"2\.1\.1"):
        render(tariff(element(energy("0.3"))), "2.1.1")
