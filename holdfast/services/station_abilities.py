"""What a station can show of prices and costs, as far as it said.

OCPP 2.x: components TariffCostCtrlr and DisplayMessageCtrlr (2.0.1 and 2.1, part 2 appendices).
OCPP 1.6: the configuration key CustomDisplayCostAndPrice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.california import SUPPORTED_KEY
from holdfast.services.scope import belongs
from holdfast.store.tables import Session, Station, StationVariable

V16, V201, V21 = "ocpp1.6", "ocpp2.0.1", "ocpp2.1"
TARIFF_CONTROLLER = "TariffCostCtrlr"
DISPLAY_CONTROLLER = "DisplayMessageCtrlr"
SAYS_YES = frozenset({"true", "1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """`california`: an OCPP 1.6 display of prices and costs."""

    protocol: str | None
    tariffs: bool = False
    messages: bool = False
    costs: bool = False
    california: bool = False


async def abilities_of(db: AsyncSession, stations: Sequence[Station]) -> dict[UUID, Abilities]:
    """Of each of these stations of one organization. One query."""
    if not stations:
        return {}
    rows = await db.execute(
        select(
            StationVariable.station_id,
            func.lower(StationVariable.component),
            func.lower(StationVariable.variable),
            func.lower(func.coalesce(StationVariable.variable_instance, "")),
            func.lower(StationVariable.value),
        ).where(
            belongs(StationVariable, stations[0].organization_id),
            StationVariable.station_id.in_([station.id for station in stations]),
            StationVariable.attribute == "actual",
            StationVariable.gone_at.is_(None),
            says_what_it_shows(),
        )
    )
    said: dict[UUID, dict[tuple[str, str, str], str]] = {}
    for station_id, of, variable, instance, value in rows:
        said.setdefault(station_id, {})[(of, variable, instance)] = value or ""
    return {station.id: judged(station.protocol, said.get(station.id, {})) for station in stations}


def says_what_it_shows() -> ColumnElement[bool]:
    """The variables of a station that its abilities follow from."""
    return or_(
        func.lower(StationVariable.component).in_(
            (TARIFF_CONTROLLER.lower(), DISPLAY_CONTROLLER.lower())
        ),
        func.lower(StationVariable.variable) == SUPPORTED_KEY.lower(),
    )


async def display_currencies(db: AsyncSession, sessions: Sequence[Session]) -> dict[UUID, str]:
    """In which currency the stations of these sessions (of one organization) count, where they say
    so (OCPP 2.x TariffCostCtrlr.Currency). One query."""
    if not sessions:
        return {}
    rows = await db.execute(
        select(StationVariable.station_id, StationVariable.value).where(
            belongs(StationVariable, sessions[0].organization_id),
            StationVariable.station_id.in_({session.station_id for session in sessions}),
            func.lower(StationVariable.component) == TARIFF_CONTROLLER.lower(),
            func.lower(StationVariable.variable) == "currency",
            StationVariable.attribute == "actual",
            StationVariable.gone_at.is_(None),
        )
    )
    return {station_id: value.strip().upper() for station_id, value in rows if value}


def judged(protocol: str | None, said: dict[tuple[str, str, str], str]) -> Abilities:
    """`said`: values by component, variable and instance, all in lower case.

    A 2.1 station that says nothing of tariffs is tried: it refuses what it does not know, and the
    ledger keeps that. A display is only used where the station says that there is one.
    """
    if protocol == V16:
        values = {variable: value for (_, variable, _), value in said.items()}
        return Abilities(
            protocol=protocol, california=values.get(SUPPORTED_KEY.lower()) in SAYS_YES
        )
    if protocol not in (V201, V21):
        return Abilities(protocol=protocol)
    tariffs = _switch(said, TARIFF_CONTROLLER.lower(), "tariff")
    shows = any(component == DISPLAY_CONTROLLER.lower() for component, _, _ in said)
    return Abilities(
        protocol=protocol,
        tariffs=protocol == V21 and tariffs is not False,
        messages=shows and _switch(said, DISPLAY_CONTROLLER.lower(), "") is not False,
        costs=_switch(said, TARIFF_CONTROLLER.lower(), "cost") is True,
    )


def _switch(said: dict[tuple[str, str, str], str], component: str, instance: str) -> bool | None:
    """`Enabled`, else `Available`; of the instance, else of none. None: it says neither."""
    for variable in ("enabled", "available"):
        for one in (instance, ""):
            value = said.get((component, variable, one))
            if value is not None:
                return value in SAYS_YES
    return None
