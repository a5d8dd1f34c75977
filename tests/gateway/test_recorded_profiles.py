"""Charging profiles as others wrote them: sent as they are, in each version."""

import json
from pathlib import Path

import pytest

from gateway import schemas
from gateway.dialect import OrderContext
from gateway.protocols import DIALECTS

VECTORS = Path(__file__).resolve().parents[2].parent / "shared/vectors/ocpp/charging-profiles"
FOLDERS = {"v16": "ocpp1.6", "v2": "ocpp2.0.1", "v21": "ocpp2.1"}
NAMED_FOR_WHAT_THEY_LACK = {
    "v16": ["TxDefaultProfile_no_chargingRateUnit.json"],
    "v2": [],
    "v21": [],
}


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the recorded charging profiles are not here")
@pytest.mark.parametrize("folder", FOLDERS)
def test_recorded_profiles_are_sent_as_they_are_and_validate(folder: str) -> None:
    protocol = FOLDERS[folder]
    sent, unsuited = 0, []
    for path in sorted((VECTORS / folder).rglob("*.json")):
        name = "csChargingProfiles" if protocol == "ocpp1.6" else "chargingProfile"
        place = "connectorId" if protocol == "ocpp1.6" else "evseId"
        payload = {place: 1, name: json.loads(path.read_text())}
        order = {"action": "SetChargingProfile", "payload": payload}

        (call,) = DIALECTS[protocol].translate_order("call", order, OrderContext())

        assert call.payload == payload
        wrong = schemas.violation(protocol, call.action, call.payload)
        sent += wrong is None
        unsuited += [] if wrong is None else [f"{path.name}: {wrong.text}"]
    assert sent >= 10
    # Some have fields that no schema knows: `ocpp-calls` refuses them unless told not to look.
    odd = [one for one in unsuited if "AdditionalProperties" not in one]
    assert [one.partition(":")[0] for one in odd] == NAMED_FOR_WHAT_THEY_LACK[folder]
