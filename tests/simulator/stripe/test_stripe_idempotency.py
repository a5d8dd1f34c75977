"""Idempotency keys and faults: what a caller may see when the network or the API fails."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from tests.simulator.stripe.server import World, error_of, hold_params

CREATE = "payment_intents.create"
CAPTURE = "payment_intents.capture"


def keyed(world: World, key: str, **more: Any) -> stripe.PaymentIntent:
    return world.client.v1.payment_intents.create(
        hold_params(**more), options={"idempotency_key": key}
    )


def intents(world: World) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = world.sim("GET", "state")["payment_intents"]
    return shown


def response_headers(answer: stripe.PaymentIntent) -> Any:
    assert answer.last_response is not None
    return answer.last_response.headers


def test_a_repeat_gets_the_first_answer_and_does_nothing(world: World) -> None:
    first = keyed(world, "k")

    second = keyed(world, "k")

    assert second.id == first.id
    assert "Idempotent-Replayed" not in response_headers(first)
    assert response_headers(second)["Idempotent-Replayed"] == "true"
    assert response_headers(second)["Original-Request"] == response_headers(first)["Request-Id"]
    assert response_headers(second)["Request-Id"] != response_headers(first)["Request-Id"]
    assert len(intents(world)) == 1


def test_a_repeat_shows_the_past_and_not_the_present(world: World) -> None:
    held = keyed(world, "k")
    world.client.v1.payment_intents.cancel(held.id)

    assert keyed(world, "k").status == "requires_capture"


def test_the_same_key_with_other_parameters_is_refused(world: World) -> None:
    keyed(world, "k")

    with pytest.raises(stripe.IdempotencyError) as caught:
        keyed(world, "k", amount=6_000)

    assert caught.value.http_status == 400
    assert len(intents(world)) == 1


def test_the_same_key_on_another_endpoint_is_refused(world: World) -> None:
    held = keyed(world, "k")

    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        world.client.v1.payment_intents.capture(held.id, options={"idempotency_key": "k"})


def test_keys_of_two_accounts_are_two_keys(world: World, other_world: World) -> None:
    assert keyed(world, "k").id != keyed(other_world, "k").id


def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    first = keyed(world, "k")

    world.sim("POST", "clock", {"advance_s": 86_401})

    assert keyed(world, "k").id != first.id


def test_a_declined_charge_is_remembered(world: World) -> None:
    messages = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            keyed(world, "k", payment_method="pm_card_chargeDeclined")
        messages.append(caught.value.json_body)

    assert messages[0] == messages[1]
    assert len(intents(world)) == 1


def test_a_failed_validation_is_not_remembered(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        keyed(world, "k", amount=1)

    assert keyed(world, "k").status == "requires_capture"


def test_a_key_in_use_is_refused_until_its_request_ends(world: World) -> None:
    world.fault(CREATE, "delay", when="before", delay_s=1.5)
    with ThreadPoolExecutor(1) as elsewhere:
        first = elsewhere.submit(keyed, world, "k")
        while world.sim("GET", "faults")["faults"]:  # until the first request has arrived
            time.sleep(0.02)

        with pytest.raises(stripe.APIError) as caught:
            keyed(world, "k")

        held = first.result(timeout=10)
    assert caught.value.http_status == 409
    assert error_of(caught)["code"] == "idempotency_key_in_use"
    assert keyed(world, "k").id == held.id


def test_a_connection_that_drops_before_execution_leaves_nothing(world: World) -> None:
    world.fault(CREATE, "drop", when="before")

    with pytest.raises(stripe.APIConnectionError):
        keyed(world, "k")

    assert intents(world) == []
    assert keyed(world, "k").status == "requires_capture"


def test_a_lost_answer_comes_again_under_the_same_key(world: World) -> None:
    world.fault(CREATE, "drop", when="after")

    with pytest.raises(stripe.APIConnectionError):
        keyed(world, "k")
    done = intents(world)
    again = keyed(world, "k")

    assert [each["id"] for each in done] == [again.id]
    assert response_headers(again)["Idempotent-Replayed"] == "true"
    assert len(intents(world)) == 1


def test_a_lost_capture_under_a_fresh_key_shows_what_was_captured(world: World) -> None:
    held = world.hold(5_000)
    world.fault(CAPTURE, "drop", when="after")
    with pytest.raises(stripe.APIConnectionError):
        world.client.v1.payment_intents.capture(held.id, {"amount_to_capture": 900})

    with pytest.raises(stripe.InvalidRequestError) as caught:
        world.client.v1.payment_intents.capture(held.id, {"amount_to_capture": 900})

    assert caught.value.code == "payment_intent_unexpected_state"
    assert error_of(caught)["payment_intent"]["amount_received"] == 900


@pytest.mark.parametrize(
    ("when", "made"), [("before", 0), ("after", 1)], ids=["not executed", "executed"]
)
def test_a_500_is_remembered_whatever_was_done(world: World, when: str, made: int) -> None:
    world.fault(CREATE, "error", status=500, when=when)

    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            keyed(world, "k")
        assert caught.value.http_status == 500

    assert len(intents(world)) == made
    assert world.hold().status == "requires_capture"


@pytest.mark.parametrize("status", [409, 429, 503])
def test_an_error_in_front_of_the_api_is_not_remembered(world: World, status: int) -> None:
    world.fault(CREATE, "error", status=status, count=2)

    for _ in range(2):
        with pytest.raises(stripe.StripeError) as caught:
            keyed(world, "k")
        assert caught.value.http_status == status

    assert intents(world) == []
    assert keyed(world, "k").status == "requires_capture"


def test_a_gateway_error_after_execution_hides_a_result(world: World) -> None:
    world.fault(CREATE, "error", status=503, when="after")

    with pytest.raises(stripe.APIError):
        keyed(world, "k")

    assert keyed(world, "k").id == intents(world)[0]["id"]


def test_a_malformed_answer_hides_a_result(world: World) -> None:
    world.fault(CREATE, "malformed")

    with pytest.raises(stripe.APIError):
        keyed(world, "k")

    assert keyed(world, "k").id == intents(world)[0]["id"]


def test_a_delayed_answer_is_late(world: World) -> None:
    world.fault("payment_intents.*", "delay", when="after", delay_s=0.4)
    started = time.monotonic()

    world.hold()

    assert time.monotonic() - started >= 0.4


def test_a_fault_touches_only_its_operation_and_count(world: World) -> None:
    world.fault(CAPTURE, "error", status=503, count=1, should_retry=True)

    held = world.hold()
    answer = world.raw("POST", f"/v1/payment_intents/{held.id}/capture")

    assert answer.status_code == 503
    assert answer.headers["Stripe-Should-Retry"] == "true"
    assert world.client.v1.payment_intents.capture(held.id).status == "succeeded"
    assert world.sim("GET", "faults")["faults"] == []


def test_faults_can_be_called_off(world: World) -> None:
    world.fault("*", "drop", count=100)

    world.sim("DELETE", "faults")

    assert world.hold().status == "requires_capture"


@pytest.mark.parametrize(
    "wrong",
    [
        {"operation": "payment_intents.captur", "kind": "drop"},
        {"operation": "*", "kind": "explode"},
        {"operation": "*", "kind": "error", "status": 418},
        {"operation": "*", "kind": "delay", "delay_s": 1e9},
        {"operation": "*", "kind": "drop", "count": 0},
        {"kind": "drop"},
        {"operation": "*", "kind": "drop", "colour": "red"},
    ],
    ids=str,
)
def test_a_fault_that_cannot_be_is_refused(world: World, wrong: dict[str, Any]) -> None:
    assert world.raw("POST", "/_sim/faults", json=wrong).status_code == 400


async def test_the_async_client_works_too(world: World) -> None:
    http = stripe.HTTPXClient(timeout=10)
    client = stripe.StripeClient(
        "sk_test_async",
        base_addresses={"api": world.base_url},
        max_network_retries=0,
        http_client=http,
    )

    held = await asyncio.gather(
        *(client.v1.payment_intents.create_async(hold_params(1_000 + n)) for n in range(20))
    )
    captured = await asyncio.gather(
        *(client.v1.payment_intents.capture_async(each.id) for each in held)
    )

    await http.close_async()  # type: ignore[no-untyped-call] # the SDK's
    assert sorted(each.amount_received for each in captured) == list(range(1_000, 1_020))


def test_of_a_capture_and_a_cancel_at_once_exactly_one_wins(world: World) -> None:
    intents_api = world.client.v1.payment_intents
    for _ in range(5):
        held = world.hold(5_000)

        with ThreadPoolExecutor(2) as racers:
            racing = [
                racers.submit(intents_api.capture, held.id),
                racers.submit(intents_api.cancel, held.id),
            ]
            lost = [race.exception(timeout=10) for race in racing]

        captured, canceled = lost[0] is None, lost[1] is None
        assert captured != canceled
        shown = intents_api.retrieve(held.id)
        assert (shown.status, shown.amount_received) == (
            ("succeeded", 5_000) if captured else ("canceled", 0)
        )
