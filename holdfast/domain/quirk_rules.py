"""The rules that Holdfast ships: which known models have which quirks, and where it was seen.

Only what somebody saw and wrote down, with its source. An organization changes or switches off a
rule by one of its own that replaces it; names stay the same for ever.
"""

from typing import Any, Final

from holdfast.domain.quirks import Quirk, Rule


def _rule(name: str, quirk: Quirk, value: Any, note: str, source: str, **patterns: str) -> Rule:
    return Rule(
        name=name,
        quirk=quirk,
        value=value,
        note=note,
        source=source,
        shipped=True,
        **patterns,  # type: ignore[arg-type]
    )


SHIPPED: Final[tuple[Rule, ...]] = (
    _rule(
        "wallbox-6-boot-before-calls",
        Quirk.NO_CALLS_BEFORE_BOOT,
        60,
        "Hangs up in a loop when it is called before its boot was answered.",
        "github.com/lbbrhzn/ocpp issues 1503, 1510",
        vendor="Wall Box*",
        firmware=">=6, <7",
    ),
    _rule(
        "wallbox-6-never-boots",
        Quirk.TRIGGER_BOOT,
        30,
        "After a reconnect some send no BootNotification until they are asked to.",
        "github.com/evcc-io/evcc pull requests 27309, 28540",
        vendor="Wall Box*",
        firmware=">=6, <7",
    ),
    _rule(
        "abb-terra-ac-probe",
        Quirk.NO_CONFIGURATION_PROBE,
        True,
        "Disconnects or reboots after it is asked for its configuration and measurands.",
        "github.com/evcc-io/evcc issue 15533, github.com/lbbrhzn/ocpp issues 1275, 1590",
        vendor="ABB*",
        firmware="<=1.8.21",
    ),
    _rule(
        "abb-terra-ac-stack-level",
        Quirk.IGNORES_STACK_LEVEL,
        True,
        "Refuses the highest stack level that it says it has; level 0 is accepted.",
        "github.com/lbbrhzn/ocpp issue 1737",
        vendor="ABB*",
        model="TAC*",
    ),
    _rule(
        "keba-card-with-serial",
        Quirk.ID_TAG_SUFFIX_SERIAL,
        "_",
        "Sends a card as its id, an underscore and a serial number.",
        "notes on charger behaviour, 18 (idTag of KEBA)",
        vendor="Keba*",
    ),
    _rule(
        "keba-sum",
        Quirk.SUM_CONNECTOR_ZERO,
        True,
        "A leading unit reports the sum of its group as connector 0.",
        "notes on charger behaviour, 16 (connector 0 of KEBA)",
        vendor="Keba*",
    ),
    _rule(
        "evbox-elvi-whole-station-profiles",
        Quirk.REFUSES_CONNECTOR_ZERO_PROFILES,
        True,
        "Rejects ChargePointMaxProfile for connector 0.",
        "github.com/lbbrhzn/ocpp issues 221, 1703",
        vendor="EV-BOX*",
        model="*Elvi*",
    ),
    _rule(
        "minichargepoint-pings",
        Quirk.NO_PINGS,
        True,
        "Closes the connection on a websocket ping and comes back ten seconds later.",
        "seen with MiniChargePoint, an open source station",
        model="MiniChargePoint*",
    ),
    _rule(
        "solidstudio-sequence",
        Quirk.SEQUENCE_ALWAYS_ZERO,
        True,
        "The virtual charge point numbers every transaction event 0.",
        "seen with Solidstudio's virtual charge point, OCPP 2.0.1",
        vendor="Solidstudio*",
        model="VirtualChargePoint*",
    ),
    _rule(
        "ocpp-go-example-register",
        Quirk.EXPORT_REGISTER_IS_IMPORT,
        True,
        "The example station of ocpp-go reports the export register.",
        "seen with ocpp-go's example station, OCPP 2.0.1",
        vendor="vendor1",
        model="model1",
    ),
    _rule(
        "chago-local-time",
        Quirk.LOCAL_TIME_LABELLED_UTC,
        True,
        "Stamps messages with its local time and a Z.",
        "notes on charger behaviour, 14 (times of Chago)",
        vendor="Chago*",
    ),
)
