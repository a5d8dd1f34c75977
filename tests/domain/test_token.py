from datetime import UTC, datetime, timedelta

import pytest

from holdfast.domain.authorization import AuthorizationStatus, TokenGrant, TokenStatus, decide
from holdfast.domain.token import (
    UID_LENGTH_MAX_OCPP16,
    TokenInvalid,
    TokenKey,
    TokenType,
    mask_uid,
    normalise_uid,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_uids_are_compared_without_case_or_blanks() -> None:
    assert normalise_uid(" 04a1B2c3 ") == "04A1B2C3"


@pytest.mark.parametrize(
    ("uid", "said"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("A" * 37, "37 characters"),
        ("04ä1", "ASCII"),
        ("a\tb", "ASCII"),
    ],
)
def test_a_uid_that_cannot_be_is_refused_without_repeating_it(uid: str, said: str) -> None:
    with pytest.raises(TokenInvalid, match=said) as refusal:
        normalise_uid(uid)

    assert not uid.strip() or uid not in str(refusal.value)


def test_ocpp_16_takes_twenty_characters_and_no_more() -> None:
    assert len(normalise_uid("a" * 20, length_max=UID_LENGTH_MAX_OCPP16)) == 20
    with pytest.raises(TokenInvalid):
        normalise_uid("a" * 21, length_max=UID_LENGTH_MAX_OCPP16)


@pytest.mark.parametrize(
    ("named", "kind"),
    [("eMAID", TokenType.EMAID), ("EMAID", TokenType.EMAID), ("iso14443", TokenType.ISO14443)],
)
def test_kinds_are_read_in_the_spelling_of_either_protocol(named: str, kind: TokenType) -> None:
    assert TokenType.parse(named) is kind


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TokenInvalid, match="ISO14443"):
        TokenType.parse("Smell")


@pytest.mark.parametrize(
    ("presented", "same"),
    [
        (None, True),
        (TokenType.ISO14443, True),
        (TokenType.LOCAL, True),
        (TokenType.EMAID, False),
    ],
    ids=["1.6 has no kind", "the same", "a card by another name", "another kind"],
)
def test_a_card_is_found_under_the_names_that_stations_give_it(
    presented: TokenType | None, same: bool
) -> None:
    stored = TokenKey(uid="04A1", type=TokenType.ISO14443)

    assert stored.matches(TokenKey(uid="04A1", type=presented)) is same
    assert not stored.matches(TokenKey(uid="04A2", type=presented))


def test_logs_never_show_a_whole_uid() -> None:
    assert mask_uid("04A1B2C3D4E5") == "****D4E5"
    assert mask_uid("04A1B2C") == "****"
    assert "04A1B2C3D4E5" not in repr(TokenKey(uid="04A1B2C3D4E5"))


@pytest.mark.parametrize(
    ("grant", "open_transactions", "status"),
    [
        (None, 0, "unknown"),
        (TokenGrant(status=TokenStatus.ACCEPTED), 9, "accepted"),
        (TokenGrant(status=TokenStatus.BLOCKED, expires_at=NOON - HOUR), 0, "blocked"),
        (TokenGrant(status=TokenStatus.ACCEPTED, expires_at=NOON), 0, "expired"),
        (TokenGrant(status=TokenStatus.ACCEPTED, expires_at=NOON + HOUR), 0, "accepted"),
        (TokenGrant(status=TokenStatus.ACCEPTED, valid_from=NOON + HOUR), 0, "invalid"),
        (TokenGrant(status=TokenStatus.ACCEPTED, valid_from=NOON), 0, "accepted"),
        (TokenGrant(status=TokenStatus.ACCEPTED, concurrent_max=1), 0, "accepted"),
        (TokenGrant(status=TokenStatus.ACCEPTED, concurrent_max=1), 1, "concurrent_tx"),
    ],
    ids=[
        "unknown",
        "no limit",
        "blocked before expired",
        "expired now",
        "expires later",
        "not yet",
        "from now on",
        "the first",
        "one too many",
    ],
)
def test_a_token_is_judged_at_the_time_of_the_event(
    grant: TokenGrant | None, open_transactions: int, status: str
) -> None:
    decision = decide(grant, NOON, open_transactions=open_transactions)

    assert decision.status == AuthorizationStatus(status)
    assert decision.accepted is (status == "accepted")


def test_an_accepted_token_says_until_when() -> None:
    grant = TokenGrant(status=TokenStatus.ACCEPTED, expires_at=NOON + HOUR)

    assert decide(grant, NOON).expires_at == NOON + HOUR


def test_a_limit_of_no_transactions_is_refused() -> None:
    with pytest.raises(ValueError, match="concurrent_max"):
        TokenGrant(status=TokenStatus.ACCEPTED, concurrent_max=0)
