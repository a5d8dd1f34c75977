"""Commands that are one form and one order: a table of them, a route each.

What a command takes is its form's to say, and what it becomes is the gateway's; here are only their
names, how long an order waits for an offline station, and what the audit log may tell of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from api.routes import command_forms_energy as energy
from api.routes import command_forms_station as station
from api.routes.commands import MAY_WAIT, Asked, ExpertAsked
from api.routes.fields import Input
from api.routes.orders import OrderShown
from holdfast.contracts.orders import OrderKind
from holdfast.http.idempotency import IdempotentRoute
from holdfast.services.station_commands import Command, told

router = APIRouter(
    prefix="/stations/{identity}/commands", tags=["commands"], route_class=IdempotentRoute
)

SOON_S = 300
DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class FormCommand:
    """A command. `valid_s`: how long it may wait for a station that is offline.

    `expert`: it says what charging costs past every review of a tariff, so it takes the permission
    for calls as they are.
    """

    kind: OrderKind
    form: type[Input]
    text: str
    valid_s: int = SOON_S
    expert: bool = False

    @property
    def name(self) -> str:
        """As in the path."""
        return self.kind.replace("_", "-")


COMMANDS: tuple[FormCommand, ...] = (
    FormCommand(
        kind="base_report",
        form=station.BaseReportForm,
        text="Have the station report its variables.",
        valid_s=DAY_S,
    ),
    FormCommand(kind="report", form=station.ReportForm, text="Have some components reported."),
    FormCommand(
        kind="monitor",
        form=station.SetMonitorsForm,
        text="Set monitors on variables.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="clear_monitors",
        form=station.ClearMonitorsForm,
        text="Remove monitors.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="monitoring_report", form=station.MonitoringReportForm, text="Have monitors reported."
    ),
    FormCommand(
        kind="monitoring_base",
        form=station.MonitoringBaseForm,
        text="Choose which monitors are active.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="monitoring_level",
        form=station.MonitoringLevelForm,
        text="Choose how severe an event must be.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="clear_cache",
        form=station.Nothing,
        text="Clear the station's authorization cache.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="local_list_version",
        form=station.Nothing,
        text="Ask for the version of the local list.",
    ),
    FormCommand(
        kind="local_list",
        form=station.LocalListForm,
        text="Send the list of tokens, in as many parts as the station needs. Each part but the "
        "last has a lower version.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="charging_profile",
        form=energy.ChargingProfileForm,
        text="Set a charging profile. A newer one for the same slot replaces one that still waits.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="clear_charging_profile",
        form=energy.ClearChargingProfileForm,
        text="Remove charging profiles.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="charging_profiles",
        form=energy.ChargingProfilesForm,
        text="Have installed profiles reported.",
    ),
    FormCommand(
        kind="composite_schedule",
        form=energy.CompositeScheduleForm,
        text="Ask what limits will be in force.",
    ),
    FormCommand(
        kind="dynamic_schedule",
        form=energy.DynamicScheduleForm,
        text="Update a dynamic charging profile (OCPP 2.1).",
        valid_s=60,
    ),
    FormCommand(
        kind="priority_charging",
        form=energy.PriorityChargingForm,
        text="Charge one car first (OCPP 2.1).",
    ),
    FormCommand(
        kind="energy_transfer",
        form=energy.EnergyTransferForm,
        text="Say how a car may exchange energy (OCPP 2.1).",
    ),
    FormCommand(kind="reserve", form=station.ReserveForm, text="Reserve an EVSE for a token."),
    FormCommand(
        kind="cancel_reservation",
        form=station.CancelReservationForm,
        text="Give a reservation up.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="update_firmware",
        form=station.UpdateFirmwareForm,
        text="Have firmware fetched and installed.",
        valid_s=DAY_S,
    ),
    FormCommand(kind="log", form=station.LogForm, text="Have a log uploaded.", valid_s=DAY_S),
    FormCommand(
        kind="transaction_status",
        form=station.TransactionStatusForm,
        text="Ask what the station knows of a transaction.",
    ),
    FormCommand(
        kind="installed_certificates",
        form=station.InstalledCertificatesForm,
        text="Ask for installed certificates.",
    ),
    FormCommand(
        kind="install_certificate",
        form=station.InstallCertificateForm,
        text="Install a root certificate.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="delete_certificate",
        form=station.DeleteCertificateForm,
        text="Remove a certificate.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="display_message",
        form=station.DisplayMessageForm,
        text="Show a message at the station.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="display_messages",
        form=station.DisplayMessagesForm,
        text="Have display messages reported.",
    ),
    FormCommand(
        kind="clear_display_message",
        form=station.ClearDisplayMessageForm,
        text="Remove a message.",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="customer_information",
        form=station.CustomerInformationForm,
        text="Report or remove what the station keeps about a person.",
        valid_s=DAY_S,
    ),
    FormCommand(kind="cost", form=station.CostForm, text="Show the cost so far.", expert=True),
    FormCommand(
        kind="default_tariff",
        form=station.TariffForm,
        text="Set the tariff for new transactions (OCPP 2.1).",
        valid_s=DAY_S,
        expert=True,
    ),
    FormCommand(
        kind="tariffs", form=station.TariffsForm, text="Ask for installed tariffs (OCPP 2.1)."
    ),
    FormCommand(
        kind="clear_tariffs",
        form=station.ClearTariffsForm,
        text="Remove tariffs (OCPP 2.1).",
        valid_s=DAY_S,
        expert=True,
    ),
    FormCommand(
        kind="transaction_tariff",
        form=station.TransactionTariffForm,
        text="Change the tariff of a transaction (OCPP 2.1).",
        expert=True,
    ),
    FormCommand(
        kind="der_control",
        form=energy.DerControlForm,
        text="Set a grid control (OCPP 2.1).",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="der_controls",
        form=energy.DerControlsForm,
        text="Have grid controls reported (OCPP 2.1).",
    ),
    FormCommand(
        kind="clear_der_control",
        form=energy.ClearDerControlForm,
        text="Remove grid controls (OCPP 2.1).",
        valid_s=DAY_S,
    ),
    FormCommand(
        kind="battery_swap",
        form=station.BatterySwapForm,
        text="Let a driver swap a battery (OCPP 2.1).",
    ),
)


def _route(command: FormCommand) -> Callable[..., Any]:
    async def place(form: Input, asked: Asked) -> OrderShown:
        payload = form.model_dump(mode="json", by_alias=True, exclude_none=True)
        placed = Command(kind=command.kind, payload=payload, details=told(payload))
        return await asked.order(placed, valid_s=command.valid_s)

    place.__name__ = command.kind
    place.__doc__ = command.text
    place.__annotations__["form"] = command.form
    if command.expert:
        place.__annotations__["asked"] = ExpertAsked
    return place


for _command in COMMANDS:
    router.post(f"/{_command.name}", responses=MAY_WAIT)(_route(_command))
