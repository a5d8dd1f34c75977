"""Which rule speaks of which station, and which of several counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.quirk_rules import SHIPPED
from holdfast.domain.quirks import (
    MEANINGS,
    BadRule,
    Described,
    Quirk,
    Rule,
    checked_pattern,
    checked_value,
    effective,
    firmware_matches,
    text_matches,
    version_numbers,
)
from tests.domain.quirks_reference import PAGE, reference

WORDS = st.text(st.sampled_from("abAB12.-_[]! "), min_size=1, max_size=8)
VERSIONS = st.lists(st.integers(0, 30), min_size=1, max_size=4)
PATTERNS = st.sampled_from(["*", "a*", "ab", "?b", "abb"])
FLAGS = st.sampled_from([Quirk.NO_PINGS, Quirk.IGNORE_METER_START])
RULES = st.builds(
    Rule,
    name=st.uuids().map(str),
    quirk=FLAGS,
    value=st.booleans(),
    vendor=PATTERNS,
    model=PATTERNS,
    firmware=st.sampled_from(["*", "1.*", ">=1.2", "<2"]),
    shipped=st.booleans(),
    enabled=st.booleans(),
)
STATIONS = st.builds(
    Described,
    vendor=st.sampled_from([None, "ab", "abb", "AB"]),
    model=st.sampled_from([None, "ab", "cb"]),
    firmware=st.sampled_from([None, "1.2", "1.10", "2.0"]),
)


@given(st.lists(RULES, max_size=8), STATIONS)
def test_the_rule_that_counts_matches_and_no_other_that_matches_is_more_specific(
    rules: list[Rule], station: Described
) -> None:
    found = effective(rules, station)

    for quirk in (Quirk.NO_PINGS, Quirk.IGNORE_METER_START):
        candidates = [
            rule for rule in rules if rule.quirk is quirk and rule.enabled and rule.matches(station)
        ]
        if quirk in found:
            assert found[quirk] in candidates
            assert all(rule.specificity <= found[quirk].specificity for rule in candidates)
        else:
            best = max((rule.specificity for rule in candidates), default=None)
            tops = [rule for rule in candidates if rule.specificity == best]
            assert not tops or any(rule.value is False for rule in tops)


@given(st.lists(RULES, max_size=6), STATIONS)
def test_a_rule_that_is_replaced_says_nothing(rules: list[Rule], station: Described) -> None:
    shipped = Rule(name="known", quirk=Quirk.NO_PINGS, value=True, vendor="a*", shipped=True)
    standing = Rule(
        name="own", quirk=Quirk.NO_PINGS, value=True, vendor="a*", replaces="known", enabled=False
    )

    assert shipped not in effective([shipped, standing, *rules], station).values()


@given(WORDS, WORDS)
def test_text_matches_itself_whatever_the_case_and_what_begins_like_it(
    word: str, rest: str
) -> None:
    plain = word.replace("[", "").replace("]", "").replace("!", "") or "x"

    assert text_matches(plain.upper(), plain.lower())
    assert text_matches(plain + "*", plain + rest)
    assert not text_matches(plain + "z", plain)
    assert text_matches("*", None)
    assert not text_matches(plain, None)


@given(VERSIONS, VERSIONS)
def test_versions_are_compared_by_their_numbers(left: list[int], right: list[int]) -> None:
    ours, theirs = (".".join(map(str, numbers)) for numbers in (left, right))
    size = max(len(left), len(right))
    padded = [numbers + [0] * (size - len(numbers)) for numbers in (left, right)]

    assert firmware_matches(f"<{theirs}", f"v{ours}") == (padded[0] < padded[1])
    assert firmware_matches(f"<={theirs}", ours) == (padded[0] <= padded[1])
    assert firmware_matches(f">= {theirs}", ours) == (padded[0] >= padded[1])
    assert firmware_matches(f">{theirs}, <{ours}.1", ours) == (padded[0] > padded[1])


def test_firmware_that_is_no_version_or_not_known_is_in_no_range() -> None:
    assert not firmware_matches(">=1", "unknown")
    assert not firmware_matches(">=1", None)
    assert not firmware_matches("1.*", None)
    assert firmware_matches("*", None)
    assert firmware_matches("1.*", "1.10")
    assert version_numbers("v1.8.21-rc2") == (1, 8, 21, 2)


def test_a_false_of_a_more_specific_rule_takes_a_quirk_away() -> None:
    every = Rule(name="a", quirk=Quirk.NO_PINGS, value=True, vendor="Acme")
    but = Rule(name="b", quirk=Quirk.NO_PINGS, value=False, vendor="Acme", firmware=">=2")

    assert effective([every, but], Described(vendor="ACME", firmware="1.9"))
    assert effective([every, but], Described(vendor="ACME", firmware="2.0")) == {}


@pytest.mark.parametrize(
    ("vendor", "model", "firmware", "quirks"),
    [
        (
            "Wall Box Chargers",
            "PLP2-M-2-4",
            "6.6.12",
            {Quirk.NO_CALLS_BEFORE_BOOT, Quirk.TRIGGER_BOOT},
        ),
        ("Wall Box Chargers", "PLP1-0-2-4", "5.17.1", set()),
        ("Keba AG", "KC-M20", "1.18", {Quirk.ID_TAG_SUFFIX_SERIAL, Quirk.SUM_CONNECTOR_ZERO}),
        (
            "ABB",
            "TAC-W11-G5-R0",
            "1.8.21",
            {Quirk.NO_CONFIGURATION_PROBE, Quirk.IGNORES_STACK_LEVEL},
        ),
        ("ABB", "TAC-W11-G5-R0", "1.8.32", {Quirk.IGNORES_STACK_LEVEL}),
        ("Solidstudio", "VirtualChargePoint", "1.0.0", {Quirk.SEQUENCE_ALWAYS_ZERO}),
        ("Alfen BV", "NG910-60023", "6.5.0-4217", set()),
        (None, None, None, set()),
    ],
)
def test_known_models_have_their_shipped_quirks(
    vendor: str | None, model: str | None, firmware: str | None, quirks: set[Quirk]
) -> None:
    station = Described(vendor=vendor, model=model, firmware=firmware)

    assert set(effective(SHIPPED, station)) == quirks


def test_every_shipped_rule_is_well_formed_and_has_a_source() -> None:
    assert len({rule.name for rule in SHIPPED}) == len(SHIPPED)
    assert set(MEANINGS) == set(Quirk)
    for rule in SHIPPED:
        assert rule.shipped
        assert rule.source
        assert rule.note
        assert checked_value(rule.quirk, rule.value) == rule.value
        for field in ("vendor", "model", "firmware"):
            assert checked_pattern(field, getattr(rule, field)) == getattr(rule, field)
        assert (rule.vendor, rule.model) != ("*", "*"), "it would hold for every station"


@pytest.mark.parametrize(
    ("quirk", "value"),
    [
        (Quirk.NO_PINGS, "yes"),
        (Quirk.NO_PINGS, 1),
        (Quirk.TRIGGER_BOOT, 601),
        (Quirk.TRIGGER_BOOT, True),
        (Quirk.TRIGGER_BOOT, "30"),
        (Quirk.POWER_FROM_CURRENT, 0),
        (Quirk.ENERGY_MULTIPLIER, 0.1),
        (Quirk.ENERGY_MULTIPLIER, "0"),
        (Quirk.ENERGY_MULTIPLIER, "NaN"),
        (Quirk.ENERGY_MULTIPLIER, "1e99"),
        (Quirk.ID_TAG_SUFFIX_SERIAL, ""),
        (Quirk.ID_TAG_SUFFIX_SERIAL, "\n"),
    ],
)
def test_a_value_of_another_kind_is_refused(quirk: Quirk, value: object) -> None:
    with pytest.raises(BadRule) as refused:
        checked_value(quirk, value)
    assert refused.value.field == "value"


@pytest.mark.parametrize(
    ("field", "pattern"),
    [
        ("vendor", " "),
        ("model", "x" * 101),
        ("vendor", "a\x00"),
        ("firmware", ">=new"),
        ("firmware", ","),
    ],
)
def test_a_pattern_that_cannot_match_anything_is_refused(field: str, pattern: str) -> None:
    with pytest.raises(BadRule) as refused:
        checked_pattern(field, pattern)
    assert refused.value.field == field


def test_the_reference_page_says_what_the_code_says() -> None:
    assert PAGE.read_text() == reference(), "run python -m tests.domain.quirks_reference"
