"""What is said of a value that was sent wrongly: the field, the value, what would be right."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx
import pytest
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, ValidationError

from api.routes.fields import Currency, Input, PriceInstant, Reason
from holdfast.http.wrong_values import (
    TIME_SAID,
    UUID_SAID,
    VALUE_LENGTH_MAX,
    from_item,
    sentence,
)


class Part(Input):
    """A part of the form below."""

    number: Annotated[int, Field(ge=1, le=9)] = 1
    price: Annotated[Decimal, Field(gt=0, lt=10, max_digits=5, decimal_places=2)] = Decimal(1)


class Form(Input):
    """Every kind of field that our forms have."""

    id: UUID | None = None
    at: AwareDatetime | None = None
    priced_at: PriceInstant | None = None
    day: date | None = None
    local: datetime | None = None
    kind: Literal["page", "partner"] = "page"
    one: Literal["YES"] = "YES"
    currency: Currency = "EUR"
    reason: Reason | None = None
    short: Annotated[str, StringConstraints(min_length=1, max_length=5)] = "x"
    shaped: Annotated[str, StringConstraints(pattern="^[a-z]$")] = "x"
    count: int = 0
    ratio: float = 0
    on: bool = False
    parts: Annotated[list[Part], Field(min_length=1, max_length=2)] = Field(default_factory=list)
    part: Part | None = None
    by_name: dict[str, Part] = Field(default_factory=dict)
    span: Annotated[int, Field(alias="from", multiple_of=5)] = 5
    api_key: str = ""


def said(sent: Mapping[str, Any], form: type[BaseModel] = Form) -> list[dict[str, Any]]:
    """What is said of a body that should be this form."""
    with pytest.raises(ValidationError) as refused:
        form.model_validate(sent)
    items = [{**item, "loc": ("body", *item["loc"])} for item in refused.value.errors()]
    return [from_item(item, form, sent) for item in items]


WRONG: list[tuple[str, Any, str, str]] = [
    ("id", "x", "id", UUID_SAID),
    ("id", 5, "id", UUID_SAID),
    ("at", "soon", "at", TIME_SAID),
    ("at", "2026-01-01T00:00:00", "at", TIME_SAID),
    ("at", "2026-01-01", "at", TIME_SAID),
    ("priced_at", "2026", "priced_at", TIME_SAID),
    ("priced_at", 2026, "priced_at", TIME_SAID),
    ("priced_at", "1.7e9", "priced_at", TIME_SAID),
    ("priced_at", "1066-10-14T00:00:00Z", "priced_at", "use a time after 1990 and before 2200"),
    ("day", "31.12.2026", "day", "use a date, such as 2026-03-01"),
    ("local", [], "local", TIME_SAID),
    ("kind", "pages", "kind", "use one of page, partner; did you mean page?"),
    ("kind", "Partner", "kind", "use one of page, partner; did you mean partner?"),
    ("kind", 5, "kind", "use one of page, partner"),
    ("one", "no", "one", "use YES"),
    ("currency", "euro", "currency", "use three capital letters (ISO 4217), such as EUR"),
    ("currency", 5, "currency", "use three capital letters (ISO 4217), such as EUR"),
    ("reason", "x", "reason", "use at least 3 characters"),
    ("reason", "a\u0000bc", "reason", "leave out control characters"),
    ("short", "", "short", "use at least 1 character"),
    ("short", "abcdefg", "short", "use at most 5 characters; these are 7"),
    ("short", 5, "short", "use text in quotes"),
    ("short", None, "short", "use text in quotes, not null"),
    ("shaped", "A", "shaped", "use text of the form ^[a-z]$"),
    ("count", "two", "count", "use a whole number"),
    ("count", 1.5, "count", "use a whole number, without a fraction"),
    ("ratio", "half", "ratio", "use a number, such as 0.25"),
    ("on", "perhaps", "on", "use true or false"),
    ("parts", [], "parts", "use at least 1 item"),
    ("parts", [{}, {}, {}], "parts", "use at most 2 items; these are 3"),
    ("parts", {}, "parts", "use a list in brackets"),
    ("parts", [1], "parts[0]", "use an object in braces"),
    ("parts", [{}, {"number": 0}], "parts[1].number", "use at least 1"),
    ("part", {"number": 10}, "part.number", "use at most 9"),
    ("part", {"price": 0}, "part.price", "use more than 0"),
    ("part", {"price": 10}, "part.price", "use less than 10"),
    ("part", {"price": "x"}, "part.price", "use a number, such as 0.25"),
    ("part", {"price": "1.001"}, "part.price", "use at most 2 digits after the point"),
    ("part", {"numbr": 1}, "part.numbr", "unknown field: did you mean number?"),
    ("parts", [{"colour": 1}], "parts[0].colour",
     "unknown field: leave it out; known are number, price"),
    ("by_name", {"a": {"pric": 1}}, "by_name.a.pric", "unknown field: leave it out"),
    ("by_name", [], "by_name", "use an object in braces"),
    ("from", 3, "from", "use a multiple of 5"),
    ("form", 3, "form", "unknown field: did you mean from?"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "field", "expected"), WRONG)
def test_each_kind_of_mistake_is_told_in_the_words_of_its_reader(
    name: str, value: Any, field: str, expected: str
) -> None:
    (error,) = said({name: value})

    assert (error["field"], error["expected"]) == (field, expected)
    assert "pydantic" not in sentence(error)
    assert sentence(error).startswith(field)


def test_what_is_missing_is_said_to_be() -> None:
    class Needs(Input):
        name: str

    (error,) = said({}, Needs)

    assert error == {"field": "name", "expected": "required, and it is missing"}


def test_a_value_is_shortened_and_quoted_so_that_it_stays_on_its_line() -> None:
    (error,) = said({"kind": 'a "b"\n' + "x" * 500})

    assert len(error["value"]) == VALUE_LENGTH_MAX
    assert sentence(error).startswith('kind is "a \\"b\\"\\nxxx')
    assert "\n" not in sentence(error)
    (long,) = said({"y" * 5_000: 1})
    assert len(long["field"]) == VALUE_LENGTH_MAX
    (huge,) = said({"part": {"number": 10**4_000}})
    assert "value" not in huge


def test_nothing_that_may_be_a_secret_is_sent_back() -> None:
    hidden = "hunter2-hunter2"
    sent: list[dict[str, Any]] = [
        {"api_key": [hidden]},
        {"api_key": {"x": hidden}},
        {"pasword": hidden},  # a misspelt name may be that of a secret
        {"parts": hidden * 10, "api_key": 5},
    ]

    told = [error for each in sent[:3] for error in said(each)]

    assert hidden not in json.dumps(told)
    assert all("value" not in error for error in said(sent[3]) if error["field"] == "api_key")
    wrong = {"type": "model_attributes_type", "loc": ("body",), "msg": "", "input": hidden}
    assert hidden not in json.dumps(from_item(wrong, Form, hidden))


async def test_every_form_and_address_says_its_mistakes_in_words(client: httpx.AsyncClient) -> None:
    """One database for all of them: each is refused, and says what would be right."""
    tariff = (await client.post("/api/v1/tariffs", json={"name": "T", "currency": "EUR"})).json()
    of = {"tariff": tariff["id"]}
    feed = {"key": "M", "name": "Market", "currency": "EUR", "source": "api"}
    assert (await client.post("/api/v1/spot-feeds", json=feed)).status_code == 201
    json_type = {"Content-Type": "application/json"}
    price = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-01T01:00:00Z"}
    asked: list[tuple[str, str, Any, str]] = [
        ("POST", "tariff-drafts", {"tarif": tariff["id"]}, "did you mean tariff?"),
        ("POST", "tariff-drafts", {**of, "template": "plane"}, "did you mean plain?"),
        ("POST", "tariff-drafts", {**of, "note": "a\u0000b"}, "note is "),
        ("POST", "tariff-drafts", {**of, "body": {"x": "a\u0000"}}, "leave out control"),
        ("POST", "tariff-drafts", b'{"tariff":\n 1 2}', "at line 2, column 4"),
        ("POST", "tariff-drafts", b"[]", "body: use an object in braces"),
        ("POST", "tariff-drafts", b"", "required, and it is missing"),
        ("GET", "tariff-drafts?state=drft", None, "did you mean draft?"),
        ("GET", "tariff-drafts?stat=draft", None, "query.stat: unknown parameter: did you mean"),
        ("GET", "tariff-drafts?limit=501", None, 'query.limit is "501": use at most 500'),
        ("GET", "tariff-drafts/x", None, 'path.draft_id is "x": use a UUID'),
        ("PUT", "tariff-assignments", {**of, "adhoc": True}, "did you mean ad_hoc?"),
        ("PUT", "tariff-assignments", {**of, "evse": 0}, "evse is 0: use at least 1"),
        ("POST", "user-groups", {"key": "a b", "name": "x"}, 'key is "a b": use 1 to 64'),
        ("POST", "spot-feeds", {**feed, "source": "ftp"}, "use one of file, api"),
        ("PUT", "spot-feeds/M/prices", {"prices": [{**price, "price": "x"}]}, "prices[0].price"),
        ("GET", "spot-feeds/M/prices?from=2026-01-01T00:00:00+01:00", None, "written %2B"),
        ("GET", "spot-feeds/M/prices?from=2026", None, 'query.from is "2026": use a time'),
        ("GET", "holiday-calendars/DE?year=1800", None, "use at least 1990"),
        ("GET", "quotes", None, "query.station: required"),
        ("POST", "tariff-simulations", of, "body: name a draft, a version or a body"),
        (
            "POST",
            "tariff-simulations",
            {**of, "body": {}, "scope": {"ad_hoc": True, "user_group": "x"}},
            "scope: name an account, a user group or ad_hoc",
        ),
        ("POST", "tariff-simulations", {**of, "scope": {"from_at": 1}}, "did you mean from?"),
        ("GET", "price-gaps?kind=no-price", None, "did you mean no_price?"),
        ("POST", "tariffs/preview", {"body": {}, "currency": "EUR"}, "elements is missing"),
        ("POST", "tariffs/lint", {"body": [], "currency": "EUR"}, "body: use an object"),
    ]

    for method, path, sent, words in asked:
        content = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        answer = await client.request(
            method,
            f"/api/v1/{path}",
            content=None if sent is None else content,
            headers=json_type if sent is not None else {},
        )
        assert answer.status_code == 422, (path, answer.text)
        assert words in answer.json()["detail"], (path, answer.json()["detail"])
        assert answer.json()["errors"], path
    plain = await client.post("/api/v1/user-groups", content=b"{}")
    assert "Content-Type: application/json" in plain.json()["detail"]
    unread = await client.post("/api/v1/user-groups", content=b"\xff", headers=json_type)
    assert unread.json()["detail"] == "the body is not JSON in UTF-8 that can be read"
