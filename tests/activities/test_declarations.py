"""Declarations in contracts and implementations in activities are two texts: here they meet."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any, get_type_hints

import pytest
from temporalio import activity, workflow

from activities.network_changes import NetworkChanges
from activities.orders import Orders
from activities.password_rotations import PasswordRotations
from activities.payments import Payments
from activities.sessions import Sessions
from activities.spot_feeds import SpotFeeds
from activities.station_certificates import StationCertificates
from activities.tariff_publications import TariffPublications
from activities.tariff_simulations import TariffSimulations
from gateway import orders as gateway_orders
from holdfast.contracts import (
    late_truth,
    network_changes,
    orders,
    password_rotations,
    payments,
    sessions,
    spot_feeds,
    station_certificates,
    tariff_publications,
    tariff_simulations,
)
from holdfast.contracts.catalogue import BY_NAME
from holdfast.testing import (
    SteppedCertificates,
    SteppedNetwork,
    SteppedOrders,
    SteppedPayments,
    SteppedRotations,
    SteppedSessions,
)
from holdfast.testing_feeds import SteppedFeeds, SteppedSimulations
from holdfast.testing_publications import SteppedPublications
from workers.app import roles
from workflows.charging_session import ChargingSession
from workflows.late_truth import LateTruth
from workflows.network_profile import NetworkProfile
from workflows.password_rotation import PasswordRotation
from workflows.payment import Payment
from workflows.spot_price_feed import SpotPriceFeed
from workflows.station_certificate import StationCertificate
from workflows.station_order import StationOrder
from workflows.tariff_publication import TariffPublication
from workflows.tariff_simulation import TariffSimulation

DECLARED = (
    sessions,
    payments,
    orders,
    late_truth,
    station_certificates,
    password_rotations,
    network_changes,
    tariff_publications,
    tariff_simulations,
    spot_feeds,
)
IMPLEMENTED = (
    Sessions,
    Payments,
    Orders,
    StationCertificates,
    PasswordRotations,
    NetworkChanges,
    TariffPublications,
    TariffSimulations,
    SpotFeeds,
)
FAKES = (
    SteppedSessions,
    SteppedPayments,
    SteppedOrders,
    SteppedCertificates,
    SteppedRotations,
    SteppedNetwork,
    SteppedPublications,
    SteppedSimulations,
    SteppedFeeds,
)
ELSEWHERE = {"orders.send"}  # implemented by the gateway, on its own queue


def activity_name(function: object) -> str | None:
    """The wire name. The one place that reads a private name of the SDK."""
    definition = activity._Definition.from_callable(function) if callable(function) else None
    return None if definition is None else definition.name


def workflow_definition(cls: type) -> Any:
    """The SDK's definition of a workflow class."""
    return workflow._Definition.must_from_class(cls)


def declarations() -> dict[str, Callable[..., Any]]:
    """Every declared activity by its wire name."""
    found: dict[str, Callable[..., Any]] = {}
    for module in DECLARED:
        for function in vars(module).values():
            if inspect.iscoroutinefunction(function) and (name := activity_name(function)):
                found[name] = function
    return found


def implementations(*classes: type) -> dict[str, Callable[..., Any]]:
    """Every implemented activity of these classes by its wire name."""
    found: dict[str, Callable[..., Any]] = {}
    for cls in classes:
        for function in vars(cls).values():
            if inspect.isfunction(function) and (name := activity_name(function)):
                found[name] = function
    return found


def shape(function: Callable[..., Any]) -> tuple[list[Any], Any]:
    """Types of the arguments without self, and of the result."""
    hints = get_type_hints(function)
    result = hints.pop("return")
    return list(hints.values()), result


def test_every_declared_activity_is_implemented_once_and_nothing_else_is() -> None:
    ours = implementations(*IMPLEMENTED)

    assert set(ours) == set(declarations()) - ELSEWHERE


@pytest.mark.parametrize("name", sorted(set(declarations()) - ELSEWHERE))
def test_an_implementation_has_the_declared_types(name: str) -> None:
    implemented = implementations(*IMPLEMENTED)[name]

    assert shape(implemented) == shape(declarations()[name])
    assert implemented.__name__ == declarations()[name].__name__


@pytest.mark.parametrize("name", sorted(declarations()))
def test_a_fake_has_the_declared_types(name: str) -> None:
    fake = implementations(*FAKES)[name]

    assert shape(fake) == shape(declarations()[name])


def test_the_gateway_implements_sending_as_declared() -> None:
    classes = [cls for cls in vars(gateway_orders).values() if inspect.isclass(cls)]
    sends = implementations(*[cls for cls in classes if cls.__module__ == gateway_orders.__name__])

    assert shape(sends["orders.send"]) == shape(declarations()["orders.send"])


@pytest.mark.parametrize(
    ("cls", "module"),
    [
        (ChargingSession, sessions),
        (Payment, payments),
        (StationOrder, orders),
        (LateTruth, late_truth),
        (StationCertificate, station_certificates),
        (PasswordRotation, password_rotations),
        (NetworkProfile, network_changes),
        (TariffPublication, tariff_publications),
        (TariffSimulation, tariff_simulations),
        (SpotPriceFeed, spot_feeds),
    ],
    ids=[
        "session",
        "payment",
        "order",
        "late truth",
        "certificate",
        "password",
        "network",
        "publication",
        "simulation",
        "feed",
    ],
)
def test_a_workflow_has_the_declared_name_input_result_and_signals(
    cls: type, module: ModuleType
) -> None:
    contract = BY_NAME[module.WORKFLOW]
    definition = workflow_definition(cls)
    declared = next(
        workflow_definition(found)
        for found in vars(module).values()
        if inspect.isclass(found) and found.__name__.endswith("Declaration")
    )

    assert (definition.name, definition.arg_types, definition.ret_type) == (
        contract.name,
        [contract.start],
        declared.ret_type,
    )
    assert declared.arg_types == definition.arg_types
    heard = {name: signal.arg_types for name, signal in definition.signals.items()}
    assert heard == {name: [message] for name, message in contract.signals.items()}


def test_the_worker_serves_every_queue_with_its_own_activities(
    settings: Any, db_sessions: Any
) -> None:
    served = {role.queue: role for role in roles(settings, db_sessions, None)}
    names = {name for role in served.values() for name in map(activity_name, role.activities)}

    assert set(served) == {contract.queue for contract in BY_NAME.values()}
    assert names == set(declarations()) - ELSEWHERE
