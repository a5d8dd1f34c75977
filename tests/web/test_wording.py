"""Figures and instants as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from web import wording
from web.dashboard.message_log import TEXT_LENGTH_MAX, readable

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("energy_wh", "text"),
    [
        (0, "0.00 kWh"),
        (4, "0.00 kWh"),
        (5, "0.01 kWh"),
        (999, "1.00 kWh"),
        (16_133, "16.13 kWh"),
        (12_345_678, "12\N{NARROW NO-BREAK SPACE}345.68 kWh"),
        (-1_255, "-1.26 kWh"),
    ],
)
def test_energy_is_rounded_half_up_and_stays_in_kwh(energy_wh: int, text: str) -> None:
    assert str(wording.energy(energy_wh)) == text


def test_what_is_billed_and_registers_have_three_decimals() -> None:
    assert str(wording.exact_energy(1_100)) == "1.100 kWh"
    assert str(wording.register(12_345_678_499)) == "12\N{NARROW NO-BREAK SPACE}345.678 kWh"
    assert str(wording.register(12_345_678_500)) == "12\N{NARROW NO-BREAK SPACE}345.679 kWh"


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (0, "EUR", "0.00 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (-123_456, "EUR", "-1\N{NARROW NO-BREAK SPACE}234.56 EUR"),
        (1_234_567, "JPY", "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567 JPY"),
        (1_005, "KWD", "1.005 KWD"),
        (7, "???", "7 minor units of ???"),
    ],
)
def test_money_has_the_decimals_of_its_currency(
    amount_minor: int, currency: str, text: str
) -> None:
    assert str(wording.money(amount_minor, currency)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3_600, "1 h ago"),
        (2 * 86_400, "2 d ago"),
        (-90, "in 1 min"),
    ],
)
def test_an_instant_is_told_by_its_distance(seconds: int, text: str) -> None:
    assert wording.ago(NOON - timedelta(seconds=seconds), NOON) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-4, "0 s"),
        (9, "9 s"),
        (724, "12 min 04 s"),
        (11_100, "3 h 05 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_length_has_two_units(seconds: int, text: str) -> None:
    assert wording.duration(timedelta(seconds=seconds)) == text


def test_power_may_flow_back() -> None:
    assert str(wording.power(-2_350)) == "-2.3 kW"


def test_a_time_is_told_in_the_zone_of_the_site() -> None:
    assert wording.local(NOON, "Europe/Berlin") == "01 May 14:00:00 CEST"


def test_a_state_that_is_not_known_is_shown_by_its_own_word() -> None:
    assert wording.badge(wording.CONNECTOR, "half_open").word == "Half open"
    assert wording.badge(wording.CONNECTOR, None) == wording.NOT_KNOWN


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b'[2, "1", "Heartbeat", {}]', "Call"),
        (b'[3, "1", {}]', "Result"),
        (b'[4, "1", "InternalError", "", {}]', "Error"),
        (b'[2, "1", "DataTransfer", "' + b"x" * 90_000 + b'"]', "Not OCPP"),
        (b'[2,"1","DataTransfer","' + b"x" * 90_000 + b'"]', "Call"),
        (b"\xff\xfe not json", "Not OCPP"),
        (b"[" * 20_000, "Not OCPP"),
        (b"{}", "Not OCPP"),
    ],
)
def test_any_frame_can_be_read_and_is_cut(frame: bytes, kind: str) -> None:
    seen, text = readable(frame)

    assert len(text) <= TEXT_LENGTH_MAX + 20
    assert seen == kind or seen == "Call"
