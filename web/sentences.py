"""What the system's codes mean, said to people: attention, findings, reviews, the timeline. Pure.

A code that is not listed is still shown, by its own words: nothing is hidden for want of a
sentence.
"""

from collections.abc import Mapping

from web.wording import words

FINDINGS = {
    "register_jump": "The meter jumped by more than the connector can deliver",
    "energy_above_power": "More energy than the connector can deliver in that time",
    "negative_duration": "It ended before it started",
    "in_the_future": "It started or ended in the future",
    "too_old": "It is older than sessions may be",
    "negative_energy": "The meter ran backwards",
    "no_energy": "No energy flowed for more than an hour",
    "no_register": "The station named no meter reading",
    "no_start_register": "The station named no meter reading at the start",
    "no_final_register": "The station named no meter reading after the start",
    "negative_register": "A meter reading was negative and was left out",
    "register_noise": "The meter fell by a few Wh: noise in its last digits",
    "register_reset": "The meter fell: it was reset or swapped; what was counted is kept",
    "register_slip": "One low meter reading was a slip: the meter came back",
    "register_dip": "One meter reading was lower than the one before; it counts if it stays low",
    "register_fell": "The last meter reading was too low to be believed and was left out",
    "stop_missing": "The meter reading at the end is 0; the last one before it counts",
    "stop_below_samples": "The last meter reading is below an earlier one",
    "stop_below_start": "The last meter reading is below the first",
    "meter_start_missing": "The start came without a meter reading",
    "meter_stop_missing": "The end came without a meter reading; the last one before it counts",
    "meter_stop_below_last": "The meter reading at the end is below an earlier one",
    "signature_wrong": "A signed meter value does not fit its signature",
    "signed_energy_differs": "The meter signed for another energy than was counted",
    "start_missing": "The station never reported the start",
    "clock": "The station's clock was wrong; the time of receipt counts",
    "token_not_accepted": "It charged although its token was not accepted",
    "messages_missing": "Messages of the station never came; it was settled without them",
    "sequence_repeated": "Two different messages carry one sequence number; both are kept",
}
ATTENTION = {
    "silent": "The station has been silent for too long",
    "stop_ignored": "The station was ordered to stop and did not",
    "outbox_parked": "A message to its workflow could not be sent; it is listed on the "
    "Attention page",
    "hold_expires_soon": "The hold on the card expires soon",
}
OPENINGS = {
    "cannot begin: ": "It cannot begin",
    "cannot watch: ": "It cannot be watched",
    "cannot settle: ": "It cannot be settled",
    "provider: ": "The payment provider cannot do it",
}
QUALITY = "quality: "
PROVIDER = {
    "PaymentRefused": "it was refused",
    "PaymentProviderMissing": "no provider is set up",
    "PaymentProviderUnusable": "our key or account there cannot be used",
    "PaymentUnknown": "its answer is not known",
    "PaymentNotFound": "it does not know the payment",
}
REVIEWS = {
    "spot_prices_differ": "A market's prices are not what the feed said first",
    "certificate": "A station's certificate request failed",
    "certificate_approval": "A station's certificate request waits for approval",
    "password_rotation": "A station did not come with its new password",
    "network_profile": "A station did not come through its new network profile",
    "security_event": "A security event of a station",
    "end_not_reported": "We ended a session that the station had not ended",
    "unknown_token": "Energy was given to an unknown token",
    "token_without_account": "The token has no account to charge",
    "account_without_card": "The account has no card",
    "currency_differs": "Held in one currency, priced in another",
    "other_currency": "A session began under a tariff in another currency than its site's",
    "hold_gone": "The hold was gone when the price was known",
    "refund_due": "More was taken than is owed: a refund is due",
    "amount_differs": "Another amount was taken than is owed",
    "late_truth": "The price changed after it was settled",
    "late_start": "The station reported a session that we had given up",
    "cannot_reprice": "A late fact arrived and the price could not be worked out again",
    "quality": "A late fact made the figures implausible",
    "messages_missing": "It was settled without messages that never came",
    "signature_wrong": "A signed meter value does not fit its signature",
    "signed_energy_differs": "The meter signed for another energy than was counted",
}
EVENTS = {
    "started": "Started",
    "begun": "Tariff frozen",
    "connected": "Car connected",
    "charging": "Charging",
    "suspended_ev": "Suspended by the car",
    "suspended_evse": "Suspended by the station",
    "idle": "Idle: the car is full or the cable is all that is left",
    "ended": "Ended",
    "ended_without_start": "Ended; its start was never reported",
    "handed_over": "Handed over to the session that was ordered",
    "stop_ordered": "Stop ordered",
    "asked_what_is_owed": "The station was asked what it still has to send",
    "signatures_checked": "Signed meter values checked",
    "priced": "Priced",
    "repriced": "Priced again",
    "reopened": "Opened again: the station reported it after all",
    "decided.force_end": "A person forced the end",
    "decided.waive": "A person waived the price",
    "decided.retry": "A person had it tried again",
    "decided.settle_anyway": "A person had it settled as it is",
    "decided.payment_retry": "A person had the card charged again",
    "decided.payment_write_off": "A person gave up the payment",
}
STOP_REASONS = {
    "Local": "By the driver, at the station",
    "Remote": "By us, from afar",
    "EVDisconnected": "The car was unplugged",
    "DeAuthorized": "The token was no longer accepted",
    "EmergencyStop": "The emergency stop was pressed",
    "PowerLoss": "The power failed",
    "Reboot": "The station restarted",
    "HardReset": "The station was reset",
    "SoftReset": "The station was reset",
}
EVENT_OPENINGS = {
    "settled.": "Settled",
    "ended.": "Ended by us",
    "never_started.": "Never started",
}


def attention(reason: str) -> str:
    """Why it waits for a person: `quality: register_jump`, `silent`, `provider: PaymentRefused`."""
    if reason.startswith(QUALITY):
        return finding(reason.removeprefix(QUALITY))
    for opening, sentence in OPENINGS.items():
        if reason.startswith(opening):
            rest = reason.removeprefix(opening)
            return f"{sentence}: {PROVIDER.get(rest, _spaced(rest))}"
    return ATTENTION.get(reason, reason)


def finding(code: str) -> str:
    """What was odd."""
    return FINDINGS.get(code, words(code))


def stop_reason(code: str) -> str:
    """Why a station says that it stopped; what it made up itself as it wrote it."""
    return STOP_REASONS.get(code, code)


def review(kind: str) -> str:
    """What a review task is about."""
    return REVIEWS.get(kind) or finding(kind)


def event(kind: str) -> str:
    """What happened, as the title of a line of the timeline."""
    for opening, sentence in EVENT_OPENINGS.items():
        if kind.startswith(opening):
            return f"{sentence}: {words(kind.removeprefix(opening)).lower()}"
    return EVENTS.get(kind, words(kind))


def finding_of(item: object) -> str:
    """A finding of a session's row: our sentence of its code, else what it says itself."""
    if not isinstance(item, Mapping):
        return words(str(item))
    code = str(item.get("code", "finding"))
    return FINDINGS.get(code) or str(item.get("detail") or words(code))


def fitting_resolution(reason: str | None) -> str:
    """What to propose: odd figures can be settled as they are, the rest can be tried again."""
    return "settle_anyway" if (reason or "").startswith(QUALITY) else "retry"


def _spaced(name: str) -> str:
    """`PriceOverflows` as "price overflows"."""
    spaced = "".join(f" {one.lower()}" if one.isupper() else one for one in name)
    return words(spaced).lower()
