"""Tokens in orders: IdTokenType of OCPP 2.0.1 (2.36) and of 2.1."""

from collections.abc import Callable
from typing import Any

from gateway.dialect import NotInThisVersion

Token = Callable[[str | None, str | None], dict[str, Any]]

KNOWN = (
    "Central",
    "eMAID",
    "ISO14443",
    "ISO15693",
    "KeyCode",
    "Local",
    "MacAddress",
    "NoAuthorization",
)
KNOWN_21 = (*KNOWN, "DirectPayment", "EVCCID", "VIN")


def token_201(uid: str | None, kind: str | None) -> dict[str, Any]:
    """What is none of the version's words was made by us: Central. Raises NotInThisVersion."""
    return _token(uid, kind, KNOWN, 36)


def token_21(uid: str | None, kind: str | None) -> dict[str, Any]:
    """As `token_201`, with 2.1's longer uids and more words."""
    return _token(uid, kind, KNOWN_21, 255)


def _token(uid: str | None, kind: str | None, known: tuple[str, ...], most: int) -> dict[str, Any]:
    words = {word.casefold(): word for word in known} | {"rfid": "ISO14443"}
    word = words.get((kind or "").casefold(), "Central")
    if not uid and word != "NoAuthorization":
        raise NotInThisVersion("a token's uid is needed here")
    if len(uid or "") > most:
        raise NotInThisVersion(f"an idToken of this OCPP version has at most {most} characters")
    return {"idToken": uid or "", "type": word}
