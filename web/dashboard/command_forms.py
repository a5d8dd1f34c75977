"""The forms of commands: a few on the station's page, all others beside its orders."""

import secrets
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from holdfast.contracts.charging_profile import ChargingProfile
from holdfast.services.refusal import Invalid
from web.dashboard.command_fields import (
    CONNECTOR,
    EVSE,
    ID_MAX,
    Clock,
    CommandForm,
    Field,
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


def _reset(form: Form, _clock: Clock) -> dict[str, Any]:
    return {"type": choice(form, "type", ("soft", "hard"))}


def _unlock(form: Form, _clock: Clock) -> dict[str, Any]:
    return {
        "evse": whole(form, "evse", least=1),
        "connector": whole(form, "connector", least=1),
    }


def _availability(form: Form, _clock: Clock) -> dict[str, Any]:
    return {
        "evse": whole(form, "evse"),
        "connector": whole_or_none(form, "connector"),
        "operative": choice(form, "operative", ("yes", "no")) == "yes",
    }


def _trigger(form: Form, _clock: Clock) -> dict[str, Any]:
    return {
        "message": choice(form, "message", TRIGGERS),
        "evse": whole_or_none(form, "evse", least=1),
    }


def _reserve(form: Form, clock: Clock) -> dict[str, Any]:
    minutes = whole(form, "minutes", least=1, most=HOURS_MAX * 60)
    number = whole_or_none(form, "reservation", least=1, most=ID_MAX)
    return {
        "reservation": number or secrets.randbelow(ID_MAX) + 1,
        "evse": whole(form, "evse"),
        "token": {"uid": text_of(form, "token", TOKEN_LENGTH_MAX), "type": "ISO14443"},
        "expires_at": written(clock.now + timedelta(minutes=minutes)),
    }


def _cancel_reservation(form: Form, _clock: Clock) -> dict[str, Any]:
    return {"reservation": whole(form, "reservation", least=1, most=ID_MAX)}


def _limit(form: Form, clock: Clock) -> dict[str, Any]:
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
        raise Invalid("limit", str(limit), str(error.errors()[0]["msg"])) from error
    return {"evse": evse, "profile": profile}


def _clear_limit(form: Form, _clock: Clock) -> dict[str, Any]:
    evse = whole_or_none(form, "evse")
    which = choice(form, "which", ("limit", "all"))
    if which == "limit":
        return {"id": LIMIT_PROFILE_ID + (evse or 0)}
    return {} if evse is None else {"evse": evse}


def _composite(form: Form, _clock: Clock) -> dict[str, Any]:
    unit = choice(form, "unit", ("", "A", "W"))
    hours = whole(form, "hours", least=1, most=HOURS_MAX)
    return {
        "evse": whole(form, "evse"),
        "duration_s": hours * 3_600,
        **({"unit": unit} if unit else {}),
    }


def _firmware(form: Form, clock: Clock) -> dict[str, Any]:
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


def _log(form: Form, clock: Clock) -> dict[str, Any]:
    told = {
        "type": choice(form, "type", ("diagnostics", "security")),
        "location": location(form, "location"),
        "from": instant(form, "from", clock),
        "to": instant(form, "to", clock),
    }
    if told["from"] and told["to"] and told["to"] < told["from"]:
        raise Invalid("to", form["to"], "the end is before the beginning")
    return {name: value for name, value in told.items() if value is not None}


def _display(form: Form, _clock: Clock) -> dict[str, Any]:
    state = choice(form, "state", ("", "charging", "faulted", "idle", "unavailable"))
    message: dict[str, Any] = {
        "id": whole(form, "id", least=0, most=ID_MAX),
        "content": text_of(form, "content", MESSAGE_LENGTH_MAX),
        "format": "utf8",
        "priority": choice(form, "priority", ("normal", "in_front", "always_front")),
    }
    return {"message": message | ({"state": state} if state else {})}


def _clear_display(form: Form, _clock: Clock) -> dict[str, Any]:
    return {"id": whole(form, "id", most=ID_MAX)}


ANY_EVSE = Field(
    name="evse", label="EVSE", number=True, value="0", hint="0 is the whole station.", length=3
)
LOCATION = "The station itself goes there: https, http, ftp or sftp, as it can."
SITE_CLOCK = "On the clock of the station's site."

DAILY: dict[str, CommandForm] = {
    command.name: command
    for command in (
        CommandForm(
            name="reset",
            title="Reset",
            icon="restart",
            note="Soft ends sessions first; hard restarts at once.",
            fields=(
                Field(name="type", label="Kind", options=(("soft", "Soft"), ("hard", "Hard"))),
            ),
            payload=_reset,
        ),
        CommandForm(
            name="unlock",
            title="Unlock connector",
            icon="lock",
            note="Releases a stuck cable.",
            fields=(EVSE, CONNECTOR),
            payload=_unlock,
        ),
        CommandForm(
            name="availability",
            title="Change availability",
            icon="ban",
            note="EVSE 0 is the whole station.",
            fields=(
                Field(name="evse", label="EVSE", number=True, value="0"),
                Field(name="connector", label="Connector", number=True, optional=True),
                Field(
                    name="operative",
                    label="Make it",
                    options=(("yes", "Operative"), ("no", "Inoperative")),
                ),
            ),
            payload=_availability,
        ),
        CommandForm(
            name="trigger",
            title="Ask for a message",
            icon="send",
            note="The station sends it again now.",
            fields=(
                Field(
                    name="message",
                    label="Message",
                    options=tuple((name, name) for name in TRIGGERS),
                    hint="TransactionEvent and LogStatusNotification: OCPP 2.x.",
                ),
                Field(name="evse", label="EVSE", number=True, optional=True),
            ),
            payload=_trigger,
        ),
    )
}
MORE: dict[str, CommandForm] = {
    command.name: command
    for command in (
        CommandForm(
            name="charging_profile",
            title="Limit the power",
            icon="down",
            note="A newer limit for the same EVSE replaces this one.",
            fields=(
                ANY_EVSE,
                Field(name="limit", label="Limit", kind="decimal", length=11),
                Field(
                    name="unit",
                    label="Unit",
                    options=(("A", "A per phase"), ("kW", "kW in all")),
                    hint="Some stations know only one of them.",
                ),
                Field(
                    name="phases",
                    label="Phases",
                    options=(("", "As the station has them"), ("1", "1"), ("3", "3")),
                ),
                Field(
                    name="hours",
                    label="For (hours)",
                    number=True,
                    optional=True,
                    hint="Empty: until it is removed.",
                    length=4,
                ),
            ),
            payload=_limit,
        ),
        CommandForm(
            name="clear_charging_profile",
            title="Remove a limit",
            icon="up",
            note="The station charges as its other profiles say.",
            fields=(
                Field(
                    name="which",
                    label="Remove",
                    options=(("limit", "The limit set here"), ("all", "Every charging profile")),
                ),
                Field(
                    name="evse",
                    label="EVSE",
                    number=True,
                    optional=True,
                    hint="0 is the station itself. Empty with every profile: all EVSEs.",
                    length=3,
                ),
            ),
            payload=_clear_limit,
        ),
        CommandForm(
            name="composite_schedule",
            title="Ask which limits apply",
            icon="search",
            note="As the station computes them from all its profiles; see the order's answer.",
            fields=(
                ANY_EVSE,
                Field(name="hours", label="For the next (hours)", number=True, value="24"),
                Field(
                    name="unit",
                    label="Unit",
                    options=(("", "The station's choice"), ("A", "A"), ("W", "W")),
                ),
            ),
            payload=_composite,
        ),
        CommandForm(
            name="reserve",
            title="Reserve",
            icon="flag",
            note="Keeps an EVSE free for one token.",
            fields=(
                Field(
                    name="evse",
                    label="EVSE",
                    number=True,
                    value="1",
                    hint="0 is any, where the station can.",
                    length=3,
                ),
                Field(name="token", label="Token", hint="As it is printed on the card."),
                Field(name="minutes", label="For (minutes)", number=True, value="30", length=4),
                Field(
                    name="reservation",
                    label="Number",
                    number=True,
                    optional=True,
                    hint="Of a reservation that this one changes. Empty: a new one.",
                    length=10,
                ),
            ),
            payload=_reserve,
        ),
        CommandForm(
            name="cancel_reservation",
            title="Cancel a reservation",
            icon="unlink",
            note="Frees the EVSE at once.",
            fields=(Field(name="reservation", label="Number", number=True, length=10),),
            payload=_cancel_reservation,
        ),
        CommandForm(
            name="update_firmware",
            title="Update the firmware",
            icon="bolt",
            note="The station restarts when it installs. Its progress is on the events page.",
            fields=(
                Field(
                    name="location",
                    label="Address of the file",
                    length=URL_LENGTH_MAX,
                    hint=LOCATION,
                ),
                Field(
                    name="retrieve_at",
                    label="Fetch it at",
                    kind="datetime-local",
                    optional=True,
                    hint=f"{SITE_CLOCK} Empty: now.",
                ),
                Field(
                    name="install_at",
                    label="Install it at",
                    kind="datetime-local",
                    optional=True,
                    hint="Empty: once it is fetched. OCPP 1.6 takes no time for it.",
                ),
                Field(
                    name="retries",
                    label="Try again (times)",
                    number=True,
                    optional=True,
                    length=3,
                    hint="Empty: as the station does by itself.",
                ),
            ),
            payload=_firmware,
        ),
        CommandForm(
            name="log",
            title="Have a log uploaded",
            icon="receipt",
            note="Its progress is on the events page.",
            fields=(
                Field(
                    name="type",
                    label="Log",
                    options=(("diagnostics", "Diagnostics"), ("security", "Security")),
                ),
                Field(name="location", label="Upload it to", length=URL_LENGTH_MAX, hint=LOCATION),
                Field(
                    name="from", label="From", kind="datetime-local", optional=True, hint=SITE_CLOCK
                ),
                Field(name="to", label="To", kind="datetime-local", optional=True, hint=SITE_CLOCK),
            ),
            payload=_log,
        ),
        CommandForm(
            name="display_message",
            title="Show a message",
            icon="book",
            note="OCPP 2.x, on stations with a display.",
            fields=(
                Field(name="content", label="Message", length=MESSAGE_LENGTH_MAX),
                Field(
                    name="priority",
                    label="Where",
                    options=(
                        ("normal", "In turn with others"),
                        ("in_front", "In front"),
                        ("always_front", "Always in front"),
                    ),
                ),
                Field(
                    name="state",
                    label="While it is",
                    options=(
                        ("", "In any state"),
                        ("idle", "Idle"),
                        ("charging", "Charging"),
                        ("faulted", "Faulted"),
                        ("unavailable", "Unavailable"),
                    ),
                ),
                Field(
                    name="id",
                    label="Number",
                    number=True,
                    value="1",
                    length=10,
                    hint="A message with the same number is replaced.",
                ),
            ),
            payload=_display,
        ),
        CommandForm(
            name="clear_display_message",
            title="Remove a message",
            icon="stop",
            note="OCPP 2.x.",
            fields=(Field(name="id", label="Number", number=True, value="1", length=10),),
            payload=_clear_display,
        ),
    )
}
COMMANDS = DAILY | MORE
