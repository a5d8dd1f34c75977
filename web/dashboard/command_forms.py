"""The forms of commands: a few on the station's page, all others beside its orders."""

from web.dashboard import command_payloads as payloads
from web.dashboard.command_fields import CONNECTOR, EVSE, CommandForm, Field
from web.dashboard.command_payloads import MESSAGE_LENGTH_MAX, TRIGGERS, URL_LENGTH_MAX

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
            payload=payloads.reset,
        ),
        CommandForm(
            name="unlock",
            title="Unlock connector",
            icon="lock",
            note="Releases a stuck cable.",
            fields=(EVSE, CONNECTOR),
            payload=payloads.unlock,
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
            payload=payloads.availability,
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
            payload=payloads.trigger,
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
            payload=payloads.limit_of_power,
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
            payload=payloads.clear_limit,
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
            payload=payloads.composite_schedule,
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
            payload=payloads.reserve,
        ),
        CommandForm(
            name="cancel_reservation",
            title="Cancel a reservation",
            icon="unlink",
            note="Frees the EVSE at once.",
            fields=(Field(name="reservation", label="Number", number=True, length=10),),
            payload=payloads.cancel_reservation,
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
            payload=payloads.update_firmware,
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
            payload=payloads.upload_log,
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
            payload=payloads.display_message,
        ),
        CommandForm(
            name="clear_display_message",
            title="Remove a message",
            icon="stop",
            note="OCPP 2.x.",
            fields=(Field(name="id", label="Number", number=True, value="1", length=10),),
            payload=payloads.clear_display_message,
        ),
    )
}
COMMANDS = DAILY | MORE
