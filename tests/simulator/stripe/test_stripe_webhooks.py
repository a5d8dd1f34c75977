"""Events and their deliveries, received by a bare HTTP server and checked by the SDK."""

import json
from itertools import pairwise
from typing import Any

import httpx
import pytest
import stripe

from tests.simulator.stripe.server import API_VERSION, Received, Receiver, World

HELD = ["payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated"]


def subscribe(world: World, receiver: Receiver, *wanted: str) -> str:
    """Returns the signing secret."""
    params: Any = {"url": receiver.url, "enabled_events": list(wanted or ("*",))}
    endpoint = world.client.v1.webhook_endpoints.create(params)
    assert endpoint.secret is not None
    return endpoint.secret


def types(received: list[Received]) -> list[str]:
    return [json.loads(each.body)["type"] for each in received]


def opened(world: World, received: Received, secret: str) -> stripe.Event:
    return world.client.construct_event(received.body, received.signature, secret)


def test_every_change_arrives_signed_over_its_raw_bytes(world: World, receiver: Receiver) -> None:
    secret = subscribe(world, receiver)

    held = world.hold(metadata={"payment_id": "p1"})
    world.client.v1.payment_intents.capture(held.id, {"amount_to_capture": 100})

    events = [opened(world, each, secret) for each in receiver.take(5)]
    assert [event.type for event in events] == [
        *HELD, "charge.captured", "payment_intent.succeeded",
    ]  # fmt: skip
    last = events[-1]
    assert last.data.object["amount_received"] == 100
    assert last.data.object["metadata"]["payment_id"] == "p1"
    assert (last.api_version, last.livemode) == (API_VERSION, False)
    assert world.client.v1.events.retrieve(last.id).id == last.id


def test_a_body_written_anew_or_changed_fails_the_signature(
    world: World, receiver: Receiver
) -> None:
    secret = subscribe(world, receiver)
    world.hold()
    received = receiver.next()

    for body in (json.dumps(json.loads(received.body)).encode(), received.body + b" "):
        with pytest.raises(stripe.SignatureVerificationError):
            world.client.construct_event(body, received.signature, secret)


def test_an_event_names_the_request_that_caused_it(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver)

    held = world.client.v1.payment_intents.create(
        {"amount": 500, "currency": "eur"}, options={"idempotency_key": "the-key"}
    )

    event = json.loads(receiver.next().body)
    assert held.last_response is not None
    assert event["request"] == {
        "id": held.last_response.headers["Request-Id"],
        "idempotency_key": "the-key",
    }


def test_an_endpoint_gets_only_the_types_it_asked_for(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver, "payment_intent.succeeded")

    world.hold(capture_method="automatic")

    assert types([receiver.next()]) == ["payment_intent.succeeded"]
    assert receiver.nothing_for(0.3)


def test_a_deleted_endpoint_gets_nothing(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver)
    endpoints = world.client.v1.webhook_endpoints
    only = endpoints.list().data[0]
    assert "secret" not in only.to_dict()

    endpoints.delete(only.id)
    world.hold()

    assert receiver.nothing_for(0.3)


def test_a_failed_delivery_is_tried_again_later_each_time(world: World, receiver: Receiver) -> None:
    secret = subscribe(world, receiver, "payment_intent.created")
    for status in (500, 302, 404):
        receiver.statuses.put(status)

    world.hold()

    tries = receiver.take(4)
    ids = {opened(world, each, secret).id for each in tries}
    waits = [later.at - earlier.at for earlier, later in pairwise(tries)]
    assert len(ids) == 1
    assert all(wait >= least for wait, least in zip(waits, (0.2, 0.4, 0.8), strict=True)), waits
    assert receiver.nothing_for(0.3)
    assert world.deliveries_settled() == {"pending": 0, "delivered": 1, "failed": 0}
    assert (
        world.client.v1.events.list({"type": "payment_intent.created"}).data[0].pending_webhooks
        == 0
    )


def test_an_event_can_arrive_before_the_answer(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver)
    world.sim("POST", "webhooks", {"mode": "before_response"})

    world.hold()

    assert receiver.received.qsize() == 3


def test_an_event_can_arrive_late(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver)
    world.sim("POST", "webhooks", {"mode": "delayed", "delay_s": 2.0})

    world.hold()

    assert receiver.nothing_for(0.3)
    assert types(receiver.take(3)) == HELD


def test_an_event_can_arrive_several_times(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver, "payment_intent.created")
    world.sim("POST", "webhooks", {"mode": "duplicated", "copies": 3})

    world.hold()

    assert len({each.body for each in receiver.take(3)}) == 1
    assert receiver.nothing_for(0.2)


def test_events_can_arrive_in_the_wrong_order(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver)
    world.sim("POST", "webhooks", {"mode": "reordered", "delay_s": 1.5})

    held = world.hold()
    world.client.v1.payment_intents.capture(held.id)

    assert types(receiver.take(5)) == [
        "payment_intent.succeeded", "charge.captured", *reversed(HELD),
    ]  # fmt: skip


def test_an_event_can_be_lost_and_found_in_the_list(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver)
    world.sim(
        "POST",
        "webhooks",
        {"mode": "dropped", "types": ["payment_intent.amount_capturable_updated"]},
    )

    held = world.hold()

    assert types(receiver.take(2)) == HELD[:2]
    assert receiver.nothing_for(0.3)
    lost = world.client.v1.events.list(
        {
            "type": "payment_intent.amount_capturable_updated",
            "created": {"gte": held.created - 600},
        }
    ).data
    assert [event.data.object["id"] for event in lost] == [held.id]
    world.sim("POST", "webhooks", {"mode": "immediate"})
    world.sim("POST", "webhooks/resend", {"event": lost[0].id})
    assert json.loads(receiver.next().body)["id"] == lost[0].id


@pytest.mark.parametrize("mode", ["bad_signature", "stale_timestamp"])
def test_a_delivery_can_fail_its_check(world: World, receiver: Receiver, mode: str) -> None:
    secret = subscribe(world, receiver)
    world.sim("POST", "webhooks", {"mode": mode})

    world.hold()

    with pytest.raises(stripe.SignatureVerificationError):
        opened(world, receiver.next(), secret)


def test_a_dead_endpoint_delays_no_other(world: World, receiver: Receiver) -> None:
    world.client.v1.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/closed", "enabled_events": ["*"]}
    )
    subscribe(world, receiver)

    world.hold()

    assert types(receiver.take(3)) == HELD
    assert world.sim("GET", "state")["deliveries"]["pending"] == 3


def test_events_are_listed_by_type_and_time(world: World) -> None:
    world.hold()
    world.sim("POST", "clock", {"advance_s": 1_000})
    late = world.hold(capture_method="automatic")
    events = world.client.v1.events

    by_types = events.list({"types": ["payment_intent.succeeded", "charge.succeeded"]})
    by_time = events.list({"created": {"gte": late.created}, "limit": 100})

    assert [event.type for event in by_types.data] == [
        "payment_intent.succeeded", "charge.succeeded", "charge.succeeded",
    ]  # fmt: skip
    assert {event.data.object["object"] for event in by_time.data} == {"payment_intent", "charge"}
    assert len(by_time.data) == 3


@pytest.mark.parametrize(
    "wrong", [{"mode": "sometimes"}, {"copies": 0}, {"delay_s": -1}, {"mode": 3}], ids=str
)
def test_a_misbehaviour_that_cannot_be_is_refused(world: World, wrong: dict[str, object]) -> None:
    answer = httpx.post(f"{world.base_url}/_sim/webhooks", json=wrong)

    assert answer.status_code == 400


def test_a_hold_expires_without_anybody_asking(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver, "payment_intent.canceled", "charge.expired")
    world.hold()
    world.sim("POST", "clock", {"advance_s": 7 * 86_400 - 2})

    assert types(receiver.take(2)) == ["charge.expired", "payment_intent.canceled"]
