"""A full device model of an independent charger stack, as the parts of a report."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "vectors" / "ocpp" / "device-model"


def report_data(paths: Sequence[Path] | None = None) -> list[dict[str, Any]]:
    """ReportDataType of every variable, or of the components in these files.

    Skips the test where the material is not there."""
    if not FOLDER.is_dir():
        pytest.skip("the shared test material is not beside the repository")
    found = []
    for path in paths or sorted(FOLDER.rglob("*.json")):
        component = json.loads(path.read_text())
        named: dict[str, Any] = {"name": component["name"]}
        if "evse_id" in component:
            named["evse"] = {"id": component["evse_id"]}
            if "connector_id" in component:
                named["evse"]["connectorId"] = component["connector_id"]
        for one in component["properties"].values():
            variable = {"name": one["variable_name"]}
            if "instance" in one:
                variable["instance"] = one["instance"]
            found.append(
                {
                    "component": named,
                    "variable": variable,
                    "variableAttribute": [_attribute(a) for a in one["attributes"]],
                    "variableCharacteristics": one["characteristics"],
                }
            )
    return found


def _attribute(one: dict[str, Any]) -> dict[str, Any]:
    value = one.get("value")
    if isinstance(value, bool):
        value = str(value).lower()
    return {
        name: found
        for name, found in {
            "type": one.get("type"),
            "mutability": one.get("mutability"),
            "value": None if value is None else str(value),
        }.items()
        if found is not None
    }


def parts_of(
    data: list[dict[str, Any]], request_id: int, size: int = 40, at: str = "2026-11-20T10:00:00Z"
) -> list[dict[str, Any]]:
    """The payloads of its NotifyReport messages, in their order."""
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    return [
        {
            "requestId": request_id,
            "generatedAt": at,
            "seqNo": number,
            "tbc": number < len(chunks) - 1,
            "reportData": chunk,
        }
        for number, chunk in enumerate(chunks)
    ]
