"""Test cards, 3DS, saved cards and charges without the driver."""

import httpx
import pytest
import stripe

from tests.simulator.stripe.server import World, error_of


def customer_with(world: World, method: str) -> tuple[str, str]:
    customer = world.client.v1.customers.create({"name": "A Driver"})
    attached = world.client.v1.payment_methods.attach(method, {"customer": customer.id})
    return customer.id, attached.id


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4000000000000341", "card_declined", "generic_decline"),
    ],
)
def test_a_card_that_declines_leaves_an_intent_that_waits_for_another(
    world: World, number: str, code: str, decline_code: str
) -> None:
    method = world.client.v1.payment_methods.create(
        {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2034}}
    )

    with pytest.raises(stripe.CardError) as caught:
        world.hold(payment_method=method.id)

    error = error_of(caught)
    assert (caught.value.http_status, caught.value.code) == (402, code)
    assert error["decline_code"] == decline_code
    intent = world.client.v1.payment_intents.retrieve(error["payment_intent"]["id"])
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.decline_code == decline_code
    assert world.client.v1.charges.retrieve(error["charge"]).status == "failed"
    assert world.event_types() == [
        "payment_intent.created", "charge.failed", "payment_intent.payment_failed",
    ]  # fmt: skip
    again = world.client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert again.status == "requires_capture"
    assert again.last_payment_error is None


def test_a_declining_card_cannot_be_attached_but_0341_can(world: World) -> None:
    customer = world.client.v1.customers.create()

    with pytest.raises(stripe.CardError):
        world.client.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer.id})
    attached = world.client.v1.payment_methods.attach(
        "pm_card_chargeCustomerFail", {"customer": customer.id}
    )

    with pytest.raises(stripe.CardError) as caught:
        world.hold(customer=customer.id, payment_method=attached.id, off_session=True)
    assert caught.value.code == "card_declined"


def test_3ds_sends_the_driver_to_the_bank_and_back(world: World) -> None:
    waiting = world.hold(
        payment_method="pm_card_authenticationRequired", return_url="https://example.org/back?x=1"
    )
    assert waiting.status == "requires_action"
    assert waiting.next_action is not None
    redirect = waiting.next_action.redirect_to_url
    assert redirect is not None
    assert redirect.url is not None
    page = httpx.get(redirect.url)

    answer = httpx.post(redirect.url, data={"outcome": "succeed"})

    assert 'value="succeed"' in page.text
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(
        f"https://example.org/back?x=1&payment_intent={waiting.id}"
    )
    held = world.client.v1.payment_intents.retrieve(waiting.id)
    assert (held.status, held.amount_capturable, held.next_action) == (
        "requires_capture",
        5_000,
        None,
    )


def test_a_failed_3ds_asks_for_another_card(world: World) -> None:
    waiting = world.hold(payment_method="pm_card_authenticationRequired")

    world.pass_3ds(waiting.id, "fail")

    intent = world.client.v1.payment_intents.retrieve(waiting.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"
    assert world.event_types()[-1] == "payment_intent.payment_failed"


def test_a_card_may_pass_3ds_and_still_decline(world: World) -> None:
    waiting = world.hold(
        payment_method="pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
    )

    world.pass_3ds(waiting.id)

    intent = world.client.v1.payment_intents.retrieve(waiting.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.decline_code == "insufficient_funds"


def test_3ds_that_nobody_waits_for_is_refused(world: World) -> None:
    held = world.hold()

    answer = httpx.post(f"{world.base_url}/_sim/3ds/{held.id}", json={"outcome": "succeed"})

    assert answer.status_code == 400


def test_an_abandoned_3ds_can_be_cancelled(world: World) -> None:
    waiting = world.hold(payment_method="pm_card_authenticationRequired")

    canceled = world.client.v1.payment_intents.cancel(waiting.id)

    assert (canceled.status, canceled.next_action) == ("canceled", None)


def test_off_session_nobody_can_pass_3ds(world: World) -> None:
    customer, method = customer_with(world, "pm_card_authenticationRequired")

    with pytest.raises(stripe.CardError) as caught:
        world.hold(customer=customer, payment_method=method, off_session=True)

    assert caught.value.code == "authentication_required"
    shown = error_of(caught)["payment_intent"]
    assert shown["status"] == "requires_payment_method"
    on_session = world.client.v1.payment_intents.confirm(shown["id"], {"payment_method": method})
    assert on_session.status == "requires_action"


def test_a_card_that_was_set_up_is_charged_without_the_driver(world: World) -> None:
    customer = world.client.v1.customers.create()
    setup = world.client.v1.setup_intents.create(
        {
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "allowed_payment_method_types": ["card"],
            "usage": "off_session",
            "confirm": True,
        }
    )
    assert setup.status == "requires_action"
    world.pass_3ds(setup.id)
    ready = world.client.v1.setup_intents.retrieve(setup.id)
    method = str(ready.payment_method)

    paid = world.hold(
        customer=customer.id, payment_method=method, off_session=True, capture_method="automatic"
    )

    assert ready.status == "succeeded"
    assert (paid.status, paid.amount_received) == ("succeeded", 5_000)
    listed = world.client.v1.customers.payment_methods.list(customer.id)
    assert [each.id for each in listed.data] == [method]
    assert "setup_intent.succeeded" in world.event_types()
    assert "payment_method.attached" in world.event_types()


def test_a_card_that_was_not_set_up_is_refused_without_the_driver(world: World) -> None:
    customer, method = customer_with(world, "pm_card_authenticationRequiredOnSetup")

    with pytest.raises(stripe.CardError) as caught:
        world.hold(customer=customer, payment_method=method, off_session=True)

    assert caught.value.code == "authentication_required"


def test_a_setup_with_a_declining_card_fails_with_the_intent_inside(world: World) -> None:
    with pytest.raises(stripe.CardError) as caught:
        world.client.v1.setup_intents.create(
            {
                "payment_method": "pm_card_chargeDeclined",
                "allowed_payment_method_types": ["card"],
                "confirm": True,
            }
        )

    shown = error_of(caught)["setup_intent"]
    assert shown["status"] == "requires_payment_method"
    stored = world.client.v1.setup_intents.retrieve(shown["id"])
    assert stored.last_setup_error is not None
    assert stored.last_setup_error.code == "card_declined"


def test_a_setup_intent_can_be_confirmed_later_and_cancelled_before(world: World) -> None:
    setups = world.client.v1.setup_intents
    first = setups.create({"allowed_payment_method_types": ["card"], "metadata": {"driver": "d1"}})
    second = setups.create({"allowed_payment_method_types": ["card"]})

    done = setups.confirm(first.id, {"payment_method": "pm_card_visa"})
    canceled = setups.cancel(second.id)

    assert (done.status, canceled.status) == ("succeeded", "canceled")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        setups.cancel(first.id)
    assert caught.value.code == "setup_intent_unexpected_state"
    assert [each.id for each in setups.list().data] == [second.id, first.id]


def test_a_loose_card_is_spent_after_one_payment(world: World) -> None:
    method = world.client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    world.hold(payment_method=method.id)

    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        world.hold(payment_method=method.id)


def test_a_card_of_a_customer_is_used_only_with_that_customer(world: World) -> None:
    customer, method = customer_with(world, "pm_card_visa")
    other = world.client.v1.customers.create()

    with pytest.raises(stripe.InvalidRequestError):
        world.hold(payment_method=method)
    with pytest.raises(stripe.InvalidRequestError):
        world.hold(payment_method=method, customer=other.id)

    assert world.hold(payment_method=method, customer=customer).status == "requires_capture"
    assert world.hold(payment_method=method, customer=customer).status == "requires_capture"


def test_a_detached_card_may_not_be_used_again(world: World) -> None:
    customer, method = customer_with(world, "pm_card_visa")

    world.client.v1.payment_methods.detach(method)

    with pytest.raises(stripe.InvalidRequestError):
        world.client.v1.payment_methods.attach(method, {"customer": customer})


def test_a_payment_can_save_its_card_for_later(world: World) -> None:
    customer = world.client.v1.customers.create()

    held = world.hold(customer=customer.id, setup_future_usage="off_session")

    saved = world.client.v1.payment_methods.list({"customer": customer.id, "type": "card"})
    assert [each.id for each in saved.data] == [held.payment_method]


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ({"number": "4111111111111111", "exp_month": 1, "exp_year": 2034}, "incorrect_number"),
        ({"number": "4242424242424242", "exp_month": 1, "exp_year": 2020}, "invalid_expiry_year"),
    ],
)
def test_a_card_that_is_no_test_card_is_refused(
    world: World, card: dict[str, str | int], code: str
) -> None:
    answer = world.raw(
        "POST",
        "/v1/payment_methods",
        data={"type": "card", **{f"card[{name}]": str(value) for name, value in card.items()}},
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (402, code)


def test_a_customer_is_changed_listed_and_deleted_with_its_cards(world: World) -> None:
    customers = world.client.v1.customers
    customer, method = customer_with(world, "pm_card_visa")

    changed = customers.update(
        customer,
        {"email": "b@example.org", "invoice_settings": {"default_payment_method": method}},
    )
    found = customers.list({"email": "b@example.org"})
    customers.delete(customer)

    assert changed.email == "b@example.org"
    assert changed.invoice_settings is not None
    assert changed.invoice_settings.default_payment_method == method
    assert [each.id for each in found.data] == [customer]
    assert world.raw("GET", f"/v1/customers/{customer}").json()["deleted"] is True
    assert world.client.v1.payment_methods.retrieve(method).customer is None
    with pytest.raises(stripe.InvalidRequestError):
        world.hold(customer=customer)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        customers.update(customer, {"email": "c@example.org"})
    assert caught.value.http_status == 404
