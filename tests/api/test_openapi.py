"""The API's description of itself: plain names, examples that work, our own errors, live links."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import jsonschema_rs
import pytest

from api import app as application
from api import command_reference
from api.openapi import EXAMPLES, TARIFF_VERSION
from api.routes.fields import Input
from holdfast.domain.tariff.form import tariff_from_json

SERVED: dict[str, Any] = {}


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    """As it is served, made once: that takes a second, and nobody changes it."""
    if not SERVED:
        SERVED.update((await client.get("/api/openapi.json")).json())
    return SERVED


def references(value: object) -> set[str]:
    return set(re.findall(r"#/components/schemas/([^'\"]+)", str(value)))


async def test_schemas_have_plain_names_and_every_reference_has_one(
    document: dict[str, Any],
) -> None:
    names = set(document["components"]["schemas"])

    assert {"Session", "SessionPage", "Station", "Tariff", "Problem"} <= names
    assert not [name for name in names if "__" in name or "Page_" in name or "HTTP" in name]
    assert references(document) <= names


async def test_a_refusal_is_described_as_the_problem_that_it_is(
    client: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    described = [
        operation["responses"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]
    refused = await client.post("/api/v1/tokens", json={"uid": ""})

    assert all(list(one["4XX"]["content"]) == ["application/problem+json"] for one in described)
    assert not any("422" in one for one in described)
    problem = document["components"]["schemas"]["Problem"]
    assert refused.headers["content-type"] == "application/problem+json"
    assert set(refused.json()) <= set(problem["properties"])
    assert set(problem["required"]) <= set(refused.json())


def shapes(value: Any, name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema in a document, with where it is."""
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield name, value
        for key, item in value.items():
            yield from shapes(item, f"{name}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from shapes(item, f"{name}[{number}]")


def test_no_text_has_a_form_that_only_a_regex_tells(document: dict[str, Any]) -> None:
    """`Said` gives each its sentence, which the document shows too."""
    forms = [
        (place, shape)
        for place, shape in shapes(document)
        if not shape["pattern"].startswith("^(?!^[-+.]*$)")  # how the framework says a decimal
    ]

    assert len(forms) > 20
    assert [place for place, shape in forms if "description" not in shape] == []


def of_tariffs(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The operations about tariffs, by method and address."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation["tags"] == ["tariffs"]:
                yield f"{method.upper()} {path}", operation


def followed(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def test_each_route_about_tariffs_is_described_down_to_its_parameters(
    document: dict[str, Any],
) -> None:
    lacking: list[str] = []
    for name, operation in of_tariffs(document):
        said = {"summary": operation.get("summary"), "description": operation.get("description")}
        said |= {one["name"]: one.get("description") for one in operation.get("parameters", [])}
        for status, answer in operation["responses"].items():
            said[status] = answer["description"]
            if status < "3" and "content" in answer:
                shown = followed(document, answer["content"]["application/json"]["schema"])
                said["answer"] = shown.get("description")
                if {"items", "next"} <= set(shown["properties"]):
                    said |= dict.fromkeys({"limit", "cursor"} - said.keys())
        if "requestBody" in operation:
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            form = followed(document, body)
            said |= {"body": form.get("description"), "example": form.get("example")}
        assert "Successful Response" not in said.values(), name
        lacking += [f"{name}: {what}" for what, words in said.items() if not words]

    assert lacking == []


def test_a_question_by_address_has_no_body(document: dict[str, Any]) -> None:
    asked = {name for name, one in of_tariffs(document) if "requestBody" in one}

    assert not [name for name in asked if name.startswith("GET")]
    assert "POST /api/v1/tariffs/preview" in asked


def test_the_document_is_one_that_generators_of_clients_can_read(document: dict[str, Any]) -> None:
    operations = [one for path in document["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]

    assert document["openapi"].startswith("3.1")
    assert len(set(ids)) == len(ids)
    for path, methods in document["paths"].items():
        held = set(re.findall(r"{(\w+)}", path))
        for one in methods.values():
            assert {p["name"] for p in one.get("parameters", []) if p["in"] == "path"} == held
    named = {name for kind in document["components"].values() for name in kind}
    assert not [name for name in named if not re.fullmatch(r"[a-zA-Z0-9._-]+", name)]
    for name, schema in document["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        ), name


def forms() -> dict[str, type[Input]]:
    found: dict[str, type[Input]] = {}
    waiting = list(Input.__subclasses__())
    while waiting:
        one = waiting.pop()
        found[one.__name__] = one
        waiting.extend(one.__subclasses__())
    return found


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_example_can_be_sent_as_it_is(name: str) -> None:
    assert application.ROUTERS, "the forms are there because the routes are"

    forms()[name].model_validate(EXAMPLES[name])


def test_the_example_of_a_tariff_prices() -> None:
    body = {"id": "example", "currency": "EUR", **TARIFF_VERSION}

    assert len(tariff_from_json(body).elements) == 2


async def test_the_page_for_people_links_to_each_schema(
    client: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    page = (await client.get("/api/docs")).text

    links = set(re.findall(r'href="#([^"]+)"', page))
    assert references(document["paths"]) <= links
    assert links <= set(re.findall(r'id="([^"]+)"', page))


def test_the_page_of_commands_is_what_the_forms_say() -> None:
    """`python -m api.command_reference` writes it."""
    written = command_reference.PAGE.read_text()

    assert written == command_reference.page(written)
