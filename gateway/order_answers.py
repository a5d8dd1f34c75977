"""What a station's answers to the calls of one order come to: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.dialect import Call
from gateway.envelope import CallError, CallResult
from gateway.redaction import redacted
from holdfast.domain import order_policy

# Lists of answers per item, and the field that holds each item's word.
_ITEM_WORDS = {
    "setVariableResult": "attributeStatus",
    "getVariableResult": "attributeStatus",
    "setMonitoringResult": "status",
    "clearMonitoringResult": "status",
    "clearTariffsResult": "status",
}
_GOOD_ITEM = frozenset({"Accepted", "RebootRequired"})
# To ask what there is and to hear that there is nothing is to be answered.
_NOTHING_THERE = {
    "GetChargingProfiles": "NoProfiles",
    "GetDERControl": "NotFound",
    "GetInstalledCertificateIds": "NotFound",
    "GetMonitoringReport": "EmptyResultSet",
    "GetReport": "EmptyResultSet",
    "GetTariffs": "NoTariff",
    "GetDisplayMessages": "Unknown",
    "ClearChargingProfile": "Unknown",
    "ClearDERControl": "NotFound",
}


def status_of(payload: Mapping[str, Any]) -> str | None:
    """The station's own word. Answers per item: the first that is not good stands for all."""
    status = payload.get("status")
    if isinstance(status, str):
        return status
    for name, field in _ITEM_WORDS.items():
        results = payload.get(name)
        if isinstance(results, list):
            words = [item.get(field) for item in results if isinstance(item, dict)]
            refused = [str(word) for word in words if word not in _GOOD_ITEM]
            return refused[0] if refused else "Accepted"
    return None


def is_accepted(action: str, status: str | None, accepted: frozenset[str]) -> bool:
    """Whether the call did what was asked."""
    if status is None or status in accepted or _NOTHING_THERE.get(action) == status:
        return True
    # A vendor's own words are for the vendor to judge.
    return action == "DataTransfer" and status not in ("Rejected", "UnknownVendorId")


def is_for_later(answer: CallResult | CallError) -> bool:
    """Whether the station says "not now" instead of "no"."""
    if isinstance(answer, CallError):
        return answer.code in order_policy.LATER_ERRORS
    info = answer.payload.get("statusInfo")
    reason = info.get("reasonCode") if isinstance(info, dict) else None
    return status_of(answer.payload) in order_policy.LATER_STATUSES or (
        status_of(answer.payload) == "Rejected" and reason in order_policy.LATER_REASONS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the answers so far come to."""

    state: str
    status: str | None
    answer: dict[str, Any]


def verdict(
    calls: Sequence[Call],
    answers: Sequence[CallResult | CallError],
    accepted: frozenset[str],
) -> Verdict:
    """Of the calls that were answered, in order: the last is the one that ended the order."""
    last = answers[-1]
    parts = parts_of(calls, answers)
    if isinstance(last, CallError):
        error = {"code": last.code, "text": last.description, "details": last.details}
        answer: dict[str, Any] = {"status": "error", "error": error}
        return Verdict(state="rejected", status=last.code, answer=answer | parts)
    payloads = [
        redacted(call.action, answer.payload)
        for call, answer in zip(calls, answers, strict=False)
        if isinstance(answer, CallResult)
    ]
    words = [status_of(payload) for payload in payloads]
    good = [
        is_accepted(call.action, word, accepted) for call, word in zip(calls, words, strict=False)
    ]
    word = next((word for word, fine in zip(words, good, strict=True) if not fine), words[-1])
    return Verdict(
        state="accepted" if all(good) else "rejected",
        status=word,
        answer={"status": "accepted", "response": merged(payloads)} | parts,
    )


def parts_of(calls: Sequence[Call], answers: Sequence[CallResult | CallError]) -> dict[str, Any]:
    """What became of each of several calls; nothing for a single one."""
    if len(calls) <= 1:
        return {}
    said = [
        {
            "part": number,
            "action": call.action,
            "status": answer.code
            if isinstance(answer, CallError)
            else status_of(answer.payload) or "answered",
        }
        for number, (call, answer) in enumerate(zip(calls, answers, strict=False), start=1)
    ]
    return {"parts": said, "parts_total": len(calls)}


def merged(payloads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One response of several: lists one after another, of everything else the last word."""
    whole: dict[str, Any] = {}
    for payload in payloads:
        for name, value in payload.items():
            known = whole.get(name)
            whole[name] = (
                known + value if isinstance(known, list) and isinstance(value, list) else value
            )
    return whole
