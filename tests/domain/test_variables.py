"""Rules about variables: the same value spelt otherwise, what may be set, what is left out."""

import pytest

from holdfast.domain.variables import (
    ENERGY,
    Characteristics,
    is_secret,
    items_of,
    last_left_out,
    place_named,
    problem_with,
    same_value,
    shorter_list,
    without_refused,
    written_name,
)


@pytest.mark.parametrize(
    ("wanted", "shown", "data_type", "same"),
    [
        ("TRUE", "true", None, True),
        ("30", "30.0", None, True),
        ("30", "31", None, False),
        ("a, b", "b,a", None, True),
        ("a,b", "b,a", "SequenceList", False),
        ("SoC", "soc", "MemberList", True),
        ("30", "30.0", "string", False),
        ("1e999999", "1", None, False),
        ("x", None, None, False),
        ("", "", None, True),
    ],
)
def test_two_spellings_of_one_value_are_the_same(
    wanted: str, shown: str | None, data_type: str | None, same: bool
) -> None:
    assert same_value(wanted, shown, data_type) is same


@pytest.mark.parametrize(
    ("value", "about", "wrong"),
    [
        ("yes", Characteristics(data_type="boolean"), "true or false"),
        ("FALSE", Characteristics(data_type="boolean"), None),
        ("1.5", Characteristics(data_type="integer"), "whole number"),
        ("0", Characteristics(data_type="integer", min_limit="1"), "at least 1"),
        ("9.5", Characteristics(data_type="decimal", max_limit="9"), "at most 9"),
        ("NaN", Characteristics(data_type="decimal"), "a number"),
        ("abc", Characteristics(data_type="string", max_limit="2"), "2 characters"),
        ("C", Characteristics(data_type="OptionList", values_list="A,B"), "one of A, B"),
        ("A,C", Characteristics(data_type="MemberList", values_list="A,B"), "not C"),
        ("soon", Characteristics(data_type="dateTime"), "date and time"),
        ("1", Characteristics(mutability="read_only"), "read only"),
        ("anything", Characteristics(), None),
    ],
)
def test_a_value_that_cannot_be_is_told_what_would_be_right(
    value: str, about: Characteristics, wrong: str | None
) -> None:
    found = problem_with(value, about)

    assert (found is None) if wrong is None else (found is not None and wrong in found)


@pytest.mark.parametrize(
    "name",
    ["AuthorizationKey", "BasicAuthPassword", "WifiPSK", "ApiSecret", "wpa_passphrase"],
)
def test_what_is_named_like_a_secret_is_one(name: str) -> None:
    assert is_secret(name)
    assert is_secret("Plain", "write_only")
    assert not is_secret("HeartbeatInterval", "read_write")


def test_e18_lists_of_measurands_shrink_by_the_likeliest_until_only_energy_is_left() -> None:
    wanted = f"{ENERGY},Voltage,SoC,Vendor.Own"
    offered, gone = wanted, []
    while (step := shorter_list(offered)) is not None:
        offered = step[0]
        gone.append(step[1])

    assert gone == ["SoC", "Vendor.Own", "Voltage"]
    assert offered == ENERGY
    assert last_left_out(wanted, f"{ENERGY},Voltage", ()) == "Vendor.Own"
    assert last_left_out(wanted, wanted, ()) is None
    assert last_left_out(wanted, f"{ENERGY},Voltage", ("Vendor.Own",)) == "SoC"
    assert items_of(without_refused(wanted, {"SOC", ENERGY})) == [ENERGY, "Voltage", "Vendor.Own"]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("EVSE@1.Power", ("EVSE", None, 1, None, "Power", None)),
        ("Connector[a]@1/2.Available[b]", ("Connector", "a", 1, 2, "Available", "b")),
        ("C.V", ("C", None, None, None, "V", None)),
    ],
)
def test_a_name_and_its_place_are_told_from_each_other(
    name: str, place: tuple[str, str | None, int | None, int | None, str, str | None]
) -> None:
    assert place_named(name, by_key=False) == place
    assert written_name(*place) == name
    assert place_named("no component", by_key=False) is None
    assert place_named("Any.Key", by_key=True) == ("", None, None, None, "Any.Key", None)
