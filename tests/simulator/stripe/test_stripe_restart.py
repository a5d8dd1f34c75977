"""Kill -9 at any instant: nothing that was answered is lost, nothing is done twice."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import stripe

from tests.simulator.stripe.server import (
    ROOT,
    Receiver,
    SimulatorProcess,
    World,
    hold_params,
)


def test_objects_keys_and_clock_survive_a_kill(own_server: SimulatorProcess) -> None:
    with World.on(own_server, "a") as world:
        world.sim("POST", "clock", {"advance_s": 1_000})
        world.fault("customers.create", "error", status=503)
        held = world.client.v1.payment_intents.create(
            hold_params(), options={"idempotency_key": "k"}
        )
    own_server.kill()
    own_server.start()

    with World.on(own_server, "a") as world:
        again = world.client.v1.payment_intents.create(
            hold_params(), options={"idempotency_key": "k"}
        )
        captured = world.client.v1.payment_intents.capture(held.id)
        with pytest.raises(stripe.APIError):
            world.client.v1.customers.create()

    assert again.id == held.id
    assert captured.amount_received == 5_000
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"


def test_deliveries_go_on_after_a_kill(own_server: SimulatorProcess, receiver: Receiver) -> None:
    with World.on(own_server, "a") as world:
        world.client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
        world.sim("POST", "webhooks", {"mode": "delayed", "delay_s": 1.5})
        world.hold()
    own_server.kill()
    assert receiver.nothing_for(0.2)

    own_server.start()

    assert len({each.body for each in receiver.take(3)}) == 3


def test_what_was_answered_before_a_kill_is_there_after_it(
    own_server: SimulatorProcess,
) -> None:
    answered: list[str] = []
    killed = threading.Event()

    def pay() -> None:
        with World.on(own_server, "a") as world:
            while not killed.is_set():
                try:
                    held = world.hold()
                    answered.append(held.id)
                except stripe.APIConnectionError:
                    return

    payer = threading.Thread(target=pay)
    payer.start()
    while len(answered) < 20:
        payer.join(timeout=0.01)
    own_server.kill()
    killed.set()
    payer.join(timeout=10)
    own_server.start()

    with World.on(own_server, "a") as world:
        state = world.sim("GET", "state")["payment_intents"]
        events = [event.type for event in world.client.v1.events.list(
            {"type": "payment_intent.created", "limit": 100}).auto_paging_iter()]  # fmt: skip
    known = {each["id"] for each in state}
    assert set(answered) <= known
    assert len(known) - len(answered) in (0, 1)
    assert len(events) == len(known)


def test_the_endpoint_named_at_start_up_hears_of_the_root_account(
    tmp_path: Path, receiver: Receiver
) -> None:
    flags = ("--webhook-url", receiver.url, "--webhook-secret", "whsec_flag")
    running = SimulatorProcess(tmp_path / "state.sqlite", *flags)
    try:
        running.kill()
        running.start()
        http = stripe.HTTPXClient(timeout=10, allow_sync_methods=True)
        client = stripe.StripeClient(
            "sk_test_x",
            base_addresses={"api": running.url},
            max_network_retries=0,
            http_client=http,
        )
        client.v1.customers.create()
        http.close()  # type: ignore[no-untyped-call] # the SDK's

        received = receiver.next()

        event = client.construct_event(received.body, received.signature, "whsec_flag")
        assert event.type == "customer.created"
        assert receiver.nothing_for(0.2)
    finally:
        running.end()


@pytest.mark.parametrize("busy", ["port", "state"])
def test_what_is_in_use_is_said_in_one_sentence(
    own_server: SimulatorProcess, tmp_path: Path, busy: str
) -> None:
    port = own_server.port if busy == "port" else 0
    state = own_server.state if busy == "state" else tmp_path / "other.sqlite"

    second = subprocess.run(  # noqa: S603 # our own module, fixed arguments
        [sys.executable, "-m", "simulator.stripe", "--port", str(port), "--state", str(state)],
        cwd=ROOT, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip

    assert second.returncode == 1
    assert second.stderr.startswith("cannot ")
    assert len(second.stderr.splitlines()) == 1
