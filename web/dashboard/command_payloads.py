"""What forms of commands become: payloads of `contracts.orders`, read from what people wrote."""

import secrets
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from holdfast.contracts.charging_profile import ChargingProfile
from holdfast.http.wrong_values import expected
from holdfast.services.refusal import Invalid
from web.dashboard.command_fields import (
    ID_MAX,
    Clock,
    Form,
    amount,
    choice,
    instant,
    location,
    text_of,
    whole,
    whole_or_none,
    written,
)

TRIGGERS = (
    "BootNotification",
    "Heartbeat",
    "StatusNotification",
    "MeterValues",
    "TransactionEvent",
    "FirmwareStatusNotification",
    "LogStatusNotification",
)
LIMIT_PROFILE_ID = 1_000_000  # and the EVSE's number: a newer limit replaces the older
AMPERES_MAX = 1_000
KILOWATTS_MAX = 5_000
HOURS_MAX = 72
TOKEN_LENGTH_MAX = 36
MESSAGE_LENGTH_MAX = 512
URL_LENGTH_MAX = 512


def reset(form: Form, _clock: Clock) -> dict[str, Any]:
    """Restart."""
    return {"type": choice(form, "type", ("soft", "hard"))}


def unlock(form: Form, _clock: Clock) -> dict[str, Any]:
    """Let go of a cable."""
    return {
        "evse": whole(form, "evse", least=1),
        "connector": whole(form, "connector", least=1),
    }


def availability(form: Form, _clock: Clock) -> dict[str, Any]:
    """In or out of service."""
    return {
        "evse": whole(form, "evse"),
        "connector": whole_or_none(form, "connector"),
        "operative": choice(form, "operative", ("yes", "no")) == "yes",
    }


def trigger(form: Form, _clock: Clock) -> dict[str, Any]:
    """Have a message sent."""
    return {
        "message": choice(form, "message", TRIGGERS),
        "evse": whole_or_none(form, "evse", least=1),
    }


def reserve(form: Form, clock: Clock) -> dict[str, Any]:
    """Keep an EVSE free; without a number, a new one."""
    minutes = whole(form, "minutes", least=1, most=HOURS_MAX * 60)
    number = whole_or_none(form, "reservation", least=1, most=ID_MAX)
    return {
        "reservation": number or secrets.randbelow(ID_MAX) + 1,
        "evse": whole(form, "evse"),
        "token": {"uid": text_of(form, "token", TOKEN_LENGTH_MAX), "type": "ISO14443"},
        "expires_at": written(clock.now + timedelta(minutes=minutes)),
    }


def cancel_reservation(form: Form, _clock: Clock) -> dict[str, Any]:
    """Give a reservation up."""
    return {"reservation": whole(form, "reservation", least=1, most=ID_MAX)}


def limit_of_power(form: Form, clock: Clock) -> dict[str, Any]:
    """A charging profile of one limit, from now on."""
    evse = whole(form, "evse")
    unit = choice(form, "unit", ("A", "kW"))
    limit = amount(form, "limit")
    most = AMPERES_MAX if unit == "A" else KILOWATTS_MAX
    if limit is None or limit > most:
        raise Invalid("limit", form.get("limit", ""), f"use a number from 0 to {most} {unit}")
    hours = whole_or_none(form, "hours", least=1, most=24 * 365)
    phases = choice(form, "phases", ("", "1", "3"))
    period: dict[str, Any] = {"start_s": 0, "limit": float(limit if unit == "A" else limit * 1_000)}
    if phases:
        period["phases"] = int(phases)
    schedule: dict[str, Any] = {
        "unit": "A" if unit == "A" else "W",
        "start_at": written(clock.now),
        "periods": [period],
    }
    profile: dict[str, Any] = {
        "id": LIMIT_PROFILE_ID + evse,
        "purpose": "tx_default" if evse else "station_max",
        "kind": "absolute",
        "schedules": [schedule],
    }
    if hours is not None:
        schedule["duration_s"] = hours * 3_600
        profile["valid_to"] = written(clock.now + timedelta(hours=hours))
    try:
        ChargingProfile.model_validate(profile)
    except ValidationError as error:
        raise Invalid("limit", str(limit), expected(error.errors()[0])) from error
    return {"evse": evse, "profile": profile}


def clear_limit(form: Form, _clock: Clock) -> dict[str, Any]:
    """Remove the limit that `limit_of_power` set, or every profile."""
    evse = whole_or_none(form, "evse")
    which = choice(form, "which", ("limit", "all"))
    if which == "limit":
        return {"id": LIMIT_PROFILE_ID + (evse or 0)}
    return {} if evse is None else {"evse": evse}


def composite_schedule(form: Form, _clock: Clock) -> dict[str, Any]:
    """Which limits will be in force."""
    unit = choice(form, "unit", ("", "A", "W"))
    hours = whole(form, "hours", least=1, most=HOURS_MAX)
    return {
        "evse": whole(form, "evse"),
        "duration_s": hours * 3_600,
        **({"unit": unit} if unit else {}),
    }


def update_firmware(form: Form, clock: Clock) -> dict[str, Any]:
    """Fetch and install."""
    told: dict[str, Any] = {
        "location": location(form, "location"),
        "retrieve_at": instant(form, "retrieve_at", clock) or written(clock.now),
        "install_at": instant(form, "install_at", clock),
        "retries": whole_or_none(form, "retries", most=100),
    }
    if told["install_at"] is not None and told["install_at"] < told["retrieve_at"]:
        raise Invalid(
            "install_at", form["install_at"], "it cannot be installed before it is fetched"
        )
    return {name: value for name, value in told.items() if value is not None}


def upload_log(form: Form, clock: Clock) -> dict[str, Any]:
    """Upload a log."""
    told = {
        "type": choice(form, "type", ("diagnostics", "security")),
        "location": location(form, "location"),
        "from": instant(form, "from", clock),
        "to": instant(form, "to", clock),
    }
    if told["from"] and told["to"] and told["to"] < told["from"]:
        raise Invalid("to", form["to"], "the end is before the beginning")
    return {name: value for name, value in told.items() if value is not None}


def display_message(form: Form, _clock: Clock) -> dict[str, Any]:
    """Show a message."""
    state = choice(form, "state", ("", "charging", "faulted", "idle", "unavailable"))
    message: dict[str, Any] = {
        "id": whole(form, "id", least=0, most=ID_MAX),
        "content": text_of(form, "content", MESSAGE_LENGTH_MAX),
        "format": "utf8",
        "priority": choice(form, "priority", ("normal", "in_front", "always_front")),
    }
    return {"message": message | ({"state": state} if state else {})}


def clear_display_message(form: Form, _clock: Clock) -> dict[str, Any]:
    """Remove a message."""
    return {"id": whole(form, "id", most=ID_MAX)}
