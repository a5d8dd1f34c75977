"""The table of ports is an interface, and a port that is taken is named in one sentence."""

import os
import socket

import pytest

from cli.failures import CannotStart
from cli.ports import Ports, free_port, is_free, require_free


def test_the_usual_ports_are_those_of_the_design() -> None:
    ports = Ports()

    assert (ports.web, ports.ocpp, ports.ocpp_tls) == (8000, 9000, 9443)
    assert (ports.temporal, ports.temporal_ui) == (7233, 8233)
    assert (ports.postgres, ports.stripe) == (5433, 8420)
    assert (ports.gateway_admin, ports.api_admin, ports.workers_admin) == (9610, 9611, 9612)
    assert ports.fleet_control == 9620


def test_a_base_moves_all_ports_in_the_same_order() -> None:
    ports = Ports.from_base(20_000)

    assert [port - 20_000 for port in ports.by_name().values()] == [
        *range(7),
        *range(10, 15),
        20,
    ]


@pytest.mark.parametrize("base", [0, 80, 65_530, 70_000])
def test_a_base_that_leaves_no_room_is_refused(base: int) -> None:
    with pytest.raises(CannotStart, match="--port-base must be between"):
        Ports.from_base(base)


def test_a_port_in_use_is_named_with_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(CannotStart) as refusal:
            require_free({"temporal_ui": port})

    assert str(refusal.value).startswith(f"Port {port}, wanted for temporal ui, is already in use")
    assert f"process {os.getpid()}" in str(refusal.value)


def test_a_port_held_on_all_addresses_is_in_use_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - what is being tested
        assert not is_free(server.getsockname()[1])


def test_a_free_port_is_free() -> None:
    assert is_free(free_port())
