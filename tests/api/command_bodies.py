"""A good body for each command that is one form and one order."""

from typing import Any

AT = "2036-03-01T12:00:00Z"
TOKEN = {"uid": "A"}
HASH = {"issuer_name": "ab", "issuer_key": "cd", "serial": "01"}
PROFILE = {
    "id": 3,
    "purpose": "tx_default",
    "kind": "relative",
    "schedules": [{"unit": "A", "periods": [{"start_s": 0, "limit": 16}]}],
}
BODIES: dict[str, dict[str, Any]] = {
    "base-report": {},
    "report": {"components": [{"component": "EVSE", "evse": 1}]},
    "monitor": {"monitors": [{"component": "A", "variable": "B", "type": "delta", "value": 1}]},
    "clear-monitors": {"ids": [1]},
    "monitoring-report": {},
    "monitoring-base": {"base": "all"},
    "monitoring-level": {"severity": 4},
    "clear-cache": {},
    "local-list-version": {},
    "local-list": {"version": 1, "entries": [{"uid": "A", "status": "accepted"}]},
    "charging-profile": {"evse": 1, "profile": PROFILE},
    "clear-charging-profile": {"id": 3},
    "charging-profiles": {},
    "composite-schedule": {"evse": 1, "duration_s": 60},
    "dynamic-schedule": {"id": 1, "limit": 6},
    "priority-charging": {"transaction_id": "T", "activate": True},
    "energy-transfer": {"transaction_id": "T", "modes": ["DC"]},
    "reserve": {
        "reservation": 1,
        "evse": 1,
        "token": TOKEN,
        "expires_at": AT,
        "group_id": "G",
        "connector_type": "cCCS2",
    },
    "cancel-reservation": {"reservation": 1},
    "update-firmware": {"location": "https://x/f", "retrieve_at": AT},
    "log": {"location": "https://x/l", "from": "2026-01-01T00:00:00Z"},
    "transaction-status": {},
    "installed-certificates": {},
    "install-certificate": {"use": "manufacturer", "certificate": "PEM"},
    "delete-certificate": {"hash": HASH},
    "display-message": {"message": {"id": 1, "content": "Hello"}},
    "display-messages": {},
    "clear-display-message": {"id": 1},
    "customer-information": {"token": TOKEN, "report": True},
    "cost": {"transaction_id": "T", "total_minor": 100, "currency": "EUR"},
    "default-tariff": {"tariff": {"tariffId": "T", "currency": "EUR"}},
    "tariffs": {},
    "clear-tariffs": {},
    "transaction-tariff": {
        "transaction_id": "T",
        "tariff": {"tariffId": "T", "currency": "EUR"},
    },
    "der-control": {"id": "C", "type": "Gradients"},
    "der-controls": {},
    "clear-der-control": {},
    "battery-swap": {"token": TOKEN},
}
