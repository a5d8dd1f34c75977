"""The test cards and their `pm_card_…` shortcuts, as docs.stripe.com/testing lists them."""

from dataclasses import dataclass

from simulator.stripe.errors import JsonObject

DECLINED = "Your card was declined."


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    code: str
    decline_code: str
    message: str
    advice_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCard:
    """`authentication`: when the bank wants 3DS: never, until_set_up, or always."""

    number: str
    brand: str
    shortcut: str | None = None
    decline: Decline | None = None
    attachable: bool = True
    authentication: str = "never"
    funding: str = "credit"

    @property
    def last4(self) -> str:
        return self.number[-4:]


def declined(reason: str, message: str = "", code: str = "card_declined") -> Decline:
    hard = reason in ("lost_card", "stolen_card")
    return Decline(
        code=code,
        decline_code=reason,
        message=message or DECLINED,
        advice_code="do_not_try_again" if hard else "try_again_later",
    )


INSUFFICIENT = declined("insufficient_funds", "Your card has insufficient funds.")
EXPIRED = declined("expired_card", "Your card has expired.", code="expired_card")
WRONG_CVC = declined(
    "incorrect_cvc", "Your card's security code is incorrect.", code="incorrect_cvc"
)
PROCESSING = declined(
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    code="processing_error",
)


def refusing(number: str, shortcut: str, decline: Decline) -> TestCard:
    """Declines every charge, and cannot be attached to a customer either."""
    return TestCard(
        number=number, brand="visa", shortcut=shortcut, decline=decline, attachable=False
    )


CARDS: tuple[TestCard, ...] = (
    TestCard(number="4242424242424242", brand="visa", shortcut="pm_card_visa"),
    TestCard(
        number="4000056655665556", brand="visa", shortcut="pm_card_visa_debit", funding="debit"
    ),
    TestCard(number="5555555555554444", brand="mastercard", shortcut="pm_card_mastercard"),
    TestCard(number="378282246310005", brand="amex", shortcut="pm_card_amex"),
    refusing("4000000000000002", "pm_card_chargeDeclined", declined("generic_decline")),
    refusing("4000000000009995", "pm_card_chargeDeclinedInsufficientFunds", INSUFFICIENT),
    refusing("4000000000009987", "pm_card_chargeDeclinedLostCard", declined("lost_card")),
    refusing("4000000000009979", "pm_card_chargeDeclinedStolenCard", declined("stolen_card")),
    refusing("4000000000000069", "pm_card_chargeDeclinedExpiredCard", EXPIRED),
    refusing("4000000000000127", "pm_card_chargeDeclinedIncorrectCvc", WRONG_CVC),
    refusing("4000000000000119", "pm_card_chargeDeclinedProcessingError", PROCESSING),
    TestCard(
        number="4000000000000341",
        brand="visa",
        shortcut="pm_card_chargeCustomerFail",
        decline=declined("generic_decline"),
    ),
    TestCard(
        number="4000002500003155",
        brand="visa",
        shortcut="pm_card_authenticationRequiredOnSetup",
        authentication="until_set_up",
    ),
    TestCard(
        number="4000002760003184",
        brand="visa",
        shortcut="pm_card_authenticationRequired",
        authentication="always",
    ),
    TestCard(
        number="4000000000003220",
        brand="visa",
        shortcut="pm_card_threeDSecure2Required",
        authentication="always",
    ),
    TestCard(
        number="4000008260003178",
        brand="visa",
        shortcut="pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        decline=INSUFFICIENT,
        authentication="always",
    ),
)
BY_NUMBER = {card.number: card for card in CARDS}
BY_TOKEN = {card.shortcut: card for card in CARDS if card.shortcut}
# The same cards under the longer names that the documents also use.
BY_TOKEN |= {
    f"pm_card_visa_{name.removeprefix('pm_card_')}": card
    for name, card in list(BY_TOKEN.items())
    if name.startswith("pm_card_chargeDeclined")
}
BY_TOKEN |= {f"tok_{name.removeprefix('pm_card_')}": card for name, card in list(BY_TOKEN.items())}


def decline_error(decline: Decline) -> JsonObject:
    return {
        "type": "card_error",
        "code": decline.code,
        "decline_code": decline.decline_code,
        "advice_code": decline.advice_code,
        "message": decline.message,
    }


def authentication_error() -> JsonObject:
    """Off session nobody is there to pass 3DS."""
    return {
        "type": "card_error",
        "code": "authentication_required",
        "decline_code": "authentication_required",
        "message": "Your card was declined. This transaction requires authentication.",
    }


def authentication_failure(kind: str) -> JsonObject:
    """The driver failed or refused 3DS. `kind` is payment_intent or setup_intent."""
    return {
        "type": "invalid_request_error",
        "code": f"{kind}_authentication_failure",
        "message": "We are unable to authenticate your payment method. "
        "Please choose a different payment method and try again.",
    }
