"""Whose a key is: one person has one name, however it was typed."""

from uuid import UUID

import pytest

from holdfast.services.key_people import KeyOrigin, owner_of

FIRST, SECOND, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)


def owner(person: str | None) -> str:
    """Of a key that another one made, which names nobody."""
    unnamed = KeyOrigin(person=None, made_by=None)
    return owner_of(SECOND, {FIRST: unnamed, SECOND: KeyOrigin(person=person, made_by=FIRST)})


@pytest.mark.parametrize(
    "typed",
    [
        "JOSÉ  NG",
        " José\tNg\n",
        "Jose\u0301 Ng",
        "José\u00a0Ng",
        "\ufeffJosé\u200b \u2060Ng",
        "Jos\u00e9 N\u00adg",
        "Ｊｏｓé Ｎｇ",  # noqa: RUF001 - letters of another width
    ],
)
def test_a_name_is_the_same_however_it_was_typed(typed: str) -> None:
    assert owner(typed) == owner("José Ng") == "person:josé ng"


@pytest.mark.parametrize("typed", ["Josef Ng", "José Ngo", "José-Ng", "Jose Ng"])
def test_another_name_is_another_person(typed: str) -> None:
    assert owner(typed) != owner("José Ng")


@pytest.mark.parametrize("typed", [None, "", " ", "\u200b", "\ufeff \u2060"])
def test_a_key_that_names_nobody_who_can_be_read_counts_as_its_makers(typed: str | None) -> None:
    assert owner(typed) == f"key:{FIRST}"


def test_keys_that_made_each_other_end_somewhere() -> None:
    origins = {
        one: KeyOrigin(person=None, made_by=maker)
        for one, maker in ((FIRST, SECOND), (SECOND, THIRD), (THIRD, FIRST))
    }
    assert owner_of(FIRST, origins).startswith("key:")
