"""The life of a payment intent, as the official SDK sees it."""

import re
from typing import Any

import httpx
import pytest
import stripe

from tests.simulator.stripe.server import SimulatorProcess, World, error_of, hold_params


def test_a_hold_is_captured_in_part_and_the_rest_goes_back(world: World) -> None:
    held = world.hold(5_000, metadata={"payment_id": "p1"})

    captured = world.client.v1.payment_intents.capture(
        held.id, {"amount_to_capture": 1_234, "expand": ["latest_charge"]}
    )

    assert (held.status, held.amount_capturable, held.amount_received) == (
        "requires_capture",
        5_000,
        0,
    )
    assert (captured.status, captured.amount_capturable, captured.amount_received) == (
        "succeeded",
        0,
        1_234,
    )
    charge = captured.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.amount, charge.amount_captured, charge.amount_refunded) == (5_000, 1_234, 0)
    assert charge.captured
    assert captured.metadata.to_dict() == {"payment_id": "p1"}


def test_objects_carry_stripes_shapes(world: World) -> None:
    held = world.hold(expand=["latest_charge", "payment_method"])

    charge = held.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert re.fullmatch(r"pi_3[A-Za-z0-9]{23}", held.id)
    assert re.fullmatch(r"ch_3[A-Za-z0-9]{23}", charge.id)
    assert str(held.client_secret).startswith(f"{held.id}_secret_")
    assert held.livemode is False
    assert charge.payment_method_details is not None
    card = charge.payment_method_details.card
    assert card is not None
    assert (card.brand, card.last4) == ("visa", "4242")
    assert card.capture_before == held.created + 7 * 86_400
    assert isinstance(held.payment_method, stripe.PaymentMethod)
    assert world.client.v1.charges.retrieve(charge.id).payment_intent == held.id


def test_nothing_of_the_simulator_itself_is_shown(world: World) -> None:
    held = world.hold()

    shown = world.raw("GET", f"/v1/payment_intents/{held.id}?expand[]=payment_method").text
    events = world.raw("GET", "/v1/events").text

    assert "_sim" not in shown
    assert "_sim" not in events


def test_an_intent_goes_through_its_states_one_by_one(world: World) -> None:
    intents = world.client.v1.payment_intents

    created = intents.create(
        {
            "amount": 2_000,
            "currency": "eur",
            "capture_method": "manual",
            "allowed_payment_method_types": ["card"],
        }
    )
    with_card = intents.update(created.id, {"payment_method": "pm_card_mastercard"})
    confirmed = intents.confirm(created.id)
    canceled = intents.cancel(created.id, {"cancellation_reason": "abandoned"})

    assert [each.status for each in (created, with_card, confirmed, canceled)] == [
        "requires_payment_method",
        "requires_confirmation",
        "requires_capture",
        "canceled",
    ]
    assert canceled.cancellation_reason == "abandoned"
    assert canceled.canceled_at is not None
    assert (canceled.amount_capturable, canceled.amount_received) == (0, 0)


def test_an_automatic_capture_takes_the_money_at_once(world: World) -> None:
    paid = world.hold(700, capture_method="automatic")

    assert (paid.status, paid.amount_received) == ("succeeded", 700)


def ask(world: World, intent: str, what: str) -> None:
    intents = world.client.v1.payment_intents
    if what == "capture":
        intents.capture(intent)
    elif what == "capture too much":
        intents.capture(intent, {"amount_to_capture": 5_001})
    elif what == "cancel":
        intents.cancel(intent)
    elif what == "confirm":
        intents.confirm(intent)
    else:
        intents.update(intent, {"amount": 6_000})


@pytest.mark.parametrize(
    ("first", "then", "code", "status"),
    [
        ("capture", "capture", "payment_intent_unexpected_state", "succeeded"),
        ("cancel", "capture", "payment_intent_unexpected_state", "canceled"),
        ("capture", "cancel", "payment_intent_unexpected_state", "succeeded"),
        ("cancel", "cancel", "payment_intent_unexpected_state", "canceled"),
        (None, "confirm", "payment_intent_unexpected_state", "requires_capture"),
        (None, "change the amount", "payment_intent_unexpected_state", "requires_capture"),
        (None, "capture too much", "amount_too_large", "requires_capture"),
    ],
)
def test_a_refusal_by_the_state_machine_carries_the_intent(
    world: World, first: str | None, then: str, code: str, status: str
) -> None:
    held = world.hold(5_000)
    if first is not None:
        ask(world, held.id, first)

    with pytest.raises(stripe.InvalidRequestError) as caught:
        ask(world, held.id, then)

    assert (caught.value.http_status, caught.value.code) == (400, code)
    assert error_of(caught)["payment_intent"]["status"] == status


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"foo_bar": "1"}, "parameter_unknown", "foo_bar"),
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"amount": "12.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": 5_001, "currency": "isk"}, "parameter_invalid_integer", "amount"),
        ({"amount": ""}, "parameter_invalid_integer", "amount"),
        ({"currency": "xxx"}, None, "currency"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
        ({"capture_method": "later"}, None, "capture_method"),
        (
            {"payment_method_options": {"card": {"foo": "1"}}},
            "parameter_unknown",
            "payment_method_options[card][foo]",
        ),
    ],
    ids=str,
)
def test_a_parameter_that_cannot_be_is_refused(
    world: World, params: dict[str, Any], code: str | None, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        world.hold(**{"amount": 5_000, **params})

    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)
    assert world.sim("GET", "state")["payment_intents"] == []


@pytest.mark.parametrize("amount", [0, -1, "1.5"])
def test_a_capture_needs_a_whole_amount_of_at_least_one(world: World, amount: Any) -> None:
    held = world.hold()

    with pytest.raises(stripe.InvalidRequestError) as caught:
        world.client.v1.payment_intents.capture(held.id, {"amount_to_capture": amount})

    assert caught.value.code == "parameter_invalid_integer"


def test_an_object_that_does_not_exist_is_a_404(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        world.client.v1.payment_intents.retrieve("pi_none")

    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


def test_accounts_do_not_see_each_other(world: World, server: SimulatorProcess) -> None:
    held = world.hold()

    with World.on(server) as other, pytest.raises(stripe.InvalidRequestError):
        other.client.v1.payment_intents.retrieve(held.id)


@pytest.mark.parametrize("key", ["sk_live_0123456789abcdef", "pk_test_0123456789", "nonsense"])
def test_only_secret_test_keys_are_accepted(world: World, key: str) -> None:
    answer = world.raw("GET", "/v1/payment_intents", headers={"Authorization": f"Bearer {key}"})

    assert answer.status_code == 401
    assert answer.headers["Request-Id"].startswith("req_")
    assert key not in answer.text


def test_a_key_may_come_as_the_user_of_basic_authentication(world: World) -> None:
    answer = httpx.get(world.base_url + "/v1/payment_intents", auth=("sk_test_x", ""))

    assert answer.status_code == 200


def test_an_unknown_address_is_refused_as_stripe_does(world: World) -> None:
    answer = world.raw("POST", "/v1/foo")

    assert answer.status_code == 404
    assert "Unrecognized request URL" in answer.json()["error"]["message"]


def test_lists_are_newest_first_and_paged_both_ways(world: World) -> None:
    made = [world.hold(1_000 + n).id for n in range(5)]
    intents = world.client.v1.payment_intents

    first = intents.list({"limit": 2})
    second = intents.list({"limit": 2, "starting_after": first.data[-1].id})
    back = intents.list({"limit": 2, "ending_before": second.data[0].id})
    everything = [each.id for each in intents.list({"limit": 2}).auto_paging_iter()]

    assert [each.id for each in first.data] == made[:2:-1]
    assert first.has_more
    assert [each.id for each in second.data] == [made[2], made[1]]
    assert [each.id for each in back.data] == [each.id for each in first.data]
    assert not back.has_more
    assert everything == made[::-1]


def test_lists_are_filtered_by_time_and_customer(world: World) -> None:
    customer = world.client.v1.customers.create({"email": "a@example.org"})
    old = world.hold()
    world.sim("POST", "clock", {"advance_s": 3_600})
    new = world.hold(customer=customer.id)
    intents = world.client.v1.payment_intents

    late = intents.list({"created": {"gte": old.created + 1}})
    early = intents.list({"created": {"lte": old.created}})
    theirs = intents.list({"customer": customer.id})

    assert [each.id for each in late.data] == [new.id]
    assert [each.id for each in early.data] == [old.id]
    assert [each.id for each in theirs.data] == [new.id]


def test_metadata_is_merged_and_an_empty_value_removes_its_key(world: World) -> None:
    held = world.hold(metadata={"a": "1", "b": "2"})

    changed = world.client.v1.payment_intents.update(
        held.id, {"metadata": {"b": "", "c": "3"}, "description": "a session"}
    )

    assert changed.metadata.to_dict() == {"a": "1", "c": "3"}
    assert changed.description == "a session"


def test_a_hold_expires_when_its_window_closes(world: World) -> None:
    held = world.hold()

    world.sim("POST", "clock", {"advance_s": 7 * 86_400 - 60})
    before = world.client.v1.payment_intents.retrieve(held.id)
    world.sim("POST", "clock", {"advance_s": 120})
    after = world.client.v1.payment_intents.retrieve(held.id)

    assert before.status == "requires_capture"
    assert (after.status, after.cancellation_reason) == ("canceled", "automatic")
    assert after.amount_capturable == 0
    assert world.event_types()[-2:] == ["charge.expired", "payment_intent.canceled"]


def test_a_release_can_show_as_a_refund_as_older_accounts_do(world: World) -> None:
    world.sim("POST", "shape", {"release_shape": "refunded"})
    held = world.hold(20_675)

    captured = world.client.v1.payment_intents.capture(
        held.id, {"amount_to_capture": 20_300, "expand": ["latest_charge"]}
    )

    charge = captured.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert captured.amount_received == 20_300
    assert (charge.amount_refunded, charge.refunded) == (375, False)
    assert "charge.refunded" in world.event_types()


def test_a_cancelled_hold_can_show_as_a_refund_too(world: World) -> None:
    world.sim("POST", "shape", {"release_shape": "refunded"})
    held = world.hold(5_000)

    canceled = world.client.v1.payment_intents.cancel(held.id, {"expand": ["latest_charge"]})

    charge = canceled.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (canceled.status, canceled.amount_received) == ("canceled", 0)
    assert (charge.amount_refunded, charge.refunded, charge.amount_captured) == (5_000, True, 0)
    assert charge.refunds is not None
    assert [refund.amount for refund in charge.refunds.data] == [5_000]


def test_the_state_dump_shows_every_intent(world: World) -> None:
    taken, released = world.hold(3_000), world.hold(4_000)
    world.client.v1.payment_intents.capture(taken.id, {"amount_to_capture": 2_000})
    world.client.v1.payment_intents.cancel(released.id)

    state = world.sim("GET", "state")

    shown = [(i["id"], i["status"], i["amount"], i["amount_received"])
             for i in state["payment_intents"]]  # fmt: skip
    assert shown == [(taken.id, "succeeded", 3_000, 2_000), (released.id, "canceled", 4_000, 0)]


def test_an_intent_that_may_redirect_needs_a_return_url(world: World) -> None:
    params = hold_params()
    del params["allowed_payment_method_types"]

    with pytest.raises(stripe.InvalidRequestError) as caught:
        world.client.v1.payment_intents.create(params)

    assert caught.value.param == "return_url"
    params["return_url"] = "https://example.org/back"
    assert world.client.v1.payment_intents.create(params).status == "requires_capture"
