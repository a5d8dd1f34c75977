"""The OpenAPI document as readers want it: plain names, examples, and our own errors.

FastAPI makes it from the routes; here its schemas get the names of what they show, each write gets
an example that can be sent as it is, and a refusal is described as the problem+json that it is.
"""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from holdfast.http.problems import MEDIA_TYPE, TYPE_PREFIX

METHODS = ("get", "post", "put", "patch", "delete")
REF = "#/components/schemas/"
DROPPED = ("HTTPValidationError", "ValidationError")
PAGE_SAID = "A page of a list. `next` goes into `cursor` for the page after it; null on the last."
DONE_SAID = {
    "200": "Done; the body says how it is.",
    "201": "Made.",
    "202": "Accepted; it goes on by itself.",
    "204": "Done.",
}
EXAMPLE_ID = "0192f0c1-5a3e-7c11-9d6b-2f6f6f0f4a10"

TARIFF_VERSION: dict[str, Any] = {
    "elements": [
        {
            "price_components": [
                {"type": "ENERGY", "price": "0.31", "vat": "19", "step_size": 1},
            ],
            "restrictions": {"start_time": "22:00", "end_time": "06:00"},
        },
        {
            "price_components": [
                {"type": "ENERGY", "price": "0.45", "vat": "19", "step_size": 1},
                {"type": "PARKING_TIME", "price": "1.80", "vat": "19", "step_size": 60},
            ]
        },
    ],
    "idle_grace_s": 1800,
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "NewSite": {
        "name": "Harbour",
        "address": "Quay 1",
        "city": "Hamburg",
        "country": "DE",
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
    },
    "NewStation": {
        "identity": "HAM-01",
        "name": "Berth 1",
        "evses": [
            {
                "number": 1,
                "max_power_w": 22_000,
                "current_type": "AC",
                "connectors": [{"number": 1, "standard": "IEC_62196_T2"}],
            }
        ],
    },
    "StationChange": {"registration": "accepted"},
    "NewAccount": {"name": "Ada Lindqvist", "billing": "card"},
    "NewToken": {"type": "ISO14443", "uid": "04A1B2C3D4E5F6", "status": "accepted"},
    "NewTariff": {"name": "AC day and night", "currency": "EUR", "version": TARIFF_VERSION},
    "VersionForm": TARIFF_VERSION,
    "LintForm": {"currency": "EUR", "body": TARIFF_VERSION},
    "PreviewForm": {"currency": "EUR", "body": TARIFF_VERSION, "time_zone": "Europe/Berlin"},
    "NewDraft": {
        "tariff": EXAMPLE_ID,
        "body": TARIFF_VERSION,
        "note": "Cheaper nights",
    },
    "DraftChangeForm": {"revision": 1, "body": TARIFF_VERSION, "valid_from": None},
    "DraftSeen": {"revision": 2},
    "DraftDecision": {"revision": 2, "note": "fine"},
    "DraftSentBack": {"revision": 2, "note": "Nights are too cheap"},
    "TariffChange": {"description": "For the harbour"},
    "VersionEndForm": {"ends_at": "2027-01-01T00:00:00Z", "reason": "the market is cheaper"},
    "SimulationForm": {
        "tariff": EXAMPLE_ID,
        "body": TARIFF_VERSION,
        "scope": {"from": "2026-01-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"},
    },
    "PublicationDecisionForm": {"action": "try_again", "reason": "the display was repaired"},
    "NewFeed": {
        "key": "DE-LU",
        "name": "Day ahead, Germany and Luxembourg",
        "currency": "EUR",
        "source": "api",
    },
    "PricesForm": {
        "prices": [
            {
                "starts_at": "2026-11-22T10:00:00Z",
                "ends_at": "2026-11-22T11:00:00Z",
                "price": "0.09137",
            }
        ]
    },
    "AssignmentForm": {
        "tariff": EXAMPLE_ID,
        "station": "HAM-01",
        "evse": 1,
        "ad_hoc": True,
    },
    "BatchForm": {
        "assignments": [{"tariff": EXAMPLE_ID, "station": "HAM-01"}],
        "dry_run": True,
    },
    "EndForm": {"assignments": [EXAMPLE_ID], "restore": True},
    "NewUserGroup": {"key": "harbour", "name": "Harbour members"},
    "UserGroupChange": {"name": "Members of the harbour"},
    "MembersForm": {"accounts": [EXAMPLE_ID], "tokens": []},
    "EstimateForm": {"energy_wh": 20_000, "charging_s": 7_200, "idle_s": 600},
    "StartForm": {"evse": 1, "token": "04A1B2C3D4E5F6"},
    "StopForm": {"session": "0192f0c1-5a3e-7c11-9d6b-2f6f6f0f4a10"},
    "ResetForm": {"type": "soft"},
    "UnlockForm": {"evse": 1, "connector": 1},
    "Resolution": {"action": "settle_anyway", "reason": "the driver confirmed the energy"},
    "Because": {"reason": "the driver was promised a free session"},
}
PROBLEM_SCHEMA = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457). `errors` names each wrong value.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": f"Begins with {TYPE_PREFIX}"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "expected"],
                "properties": {
                    "field": {"type": "string"},
                    "expected": {"type": "string"},
                    "value": {"description": "What was sent, unless it may be a secret."},
                },
            },
        },
    },
    "example": {
        "type": f"{TYPE_PREFIX}invalid",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "evses[0].number is 0: use at least 1",
        "errors": [{"field": "evses[0].number", "value": 0, "expected": "use at least 1"}],
    },
}


def describe(app: FastAPI) -> None:
    """Have the application answer with the document in this form. Made once, at first asking."""
    made_by_framework = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made_by_framework()
            app.openapi_schema = readable(app.openapi_schema or {})
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # the framework's own way to change it


def readable(document: dict[str, Any]) -> dict[str, Any]:
    """The document with plain names, examples and problems."""
    schemas = document["components"]["schemas"]
    for name in DROPPED:
        schemas.pop(name, None)
    for name, example in EXAMPLES.items():
        schemas[name]["example"] = example
    names = plain_names(list(schemas))
    renamed: dict[str, Any] = _renamed(document, names)
    components = renamed["components"]["schemas"]
    renamed["components"]["schemas"] = dict(
        sorted((names[name], schema) for name, schema in components.items())
    )
    for name, schema in renamed["components"]["schemas"].items():
        schema["title"] = name
        if name.endswith("Page"):
            schema.setdefault("description", PAGE_SAID)
    renamed["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
    refusal = {
        "description": "Refused; the body says why.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"{REF}Problem"}}},
    }
    for operations in renamed["paths"].values():
        for method in METHODS:
            if method in operations:
                _describe(operations[method], refusal)
    return renamed


def _describe(operation: dict[str, Any], refusal: dict[str, Any]) -> None:
    """What the framework leaves without a word: ids in the address, and the answers."""
    for parameter in operation.get("parameters", []):
        noun, _, what = parameter["name"].rpartition("_")
        if what == "id" and not parameter.get("description"):
            parameter["description"] = f"The id of the {noun.replace('_', ' ')}."
    answers = operation["responses"]
    answers.pop("422", None)
    for status, answer in answers.items():
        if answer.get("description") == "Successful Response":
            answer["description"] = DONE_SAID.get(status, "Done.")
    answers["4XX"] = refusal


def plain_names(names: list[str]) -> dict[str, str]:
    """`Page_SessionShown_` is a `SessionPage`, `SessionShown` a `Session`, where that is free."""
    plain: dict[str, str] = {}
    for name in names:
        paged = re.fullmatch(r"Page_(\w+?)(?:Shown)?_", name)
        wanted = f"{paged[1]}Page" if paged else name.removesuffix("Shown")
        taken = wanted in names or wanted in plain.values()
        plain[name] = name if taken and wanted != name else wanted
    return plain


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: REF + names[item.removeprefix(REF)]
            if key == "$ref" and isinstance(item, str) and item.removeprefix(REF) in names
            else _renamed(item, names)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return value
