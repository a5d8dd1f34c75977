"""What identifies a driver: kinds of token, how uids are compared, how they are shown in logs."""

from dataclasses import dataclass
from enum import StrEnum

UID_LENGTH_MAX_OCPP16 = 20
UID_LENGTH_MAX = 36
"""OCPP 2.0.1 IdTokenType.idToken and OCPI Token.uid."""

_MASK = "****"
_SHOWN = 4


class TokenInvalid(ValueError):
    """A uid or kind that no token can have. The message never repeats the uid."""


class TokenType(StrEnum):
    """Kinds of token, from OCPI 2.2.1/2.3.0 (TokenType) and OCPP 2.0.1/2.1 (IdTokenEnumType)."""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    EMAID = "EMAID"
    OTHER = "OTHER"
    RFID = "RFID"
    CENTRAL = "Central"
    DIRECT_PAYMENT = "DirectPayment"
    EVCCID = "EVCCID"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KEY_CODE = "KeyCode"
    LOCAL = "Local"
    MAC_ADDRESS = "MacAddress"
    NO_AUTHORIZATION = "NoAuthorization"
    VIN = "VIN"

    @classmethod
    def parse(cls, text: str) -> "TokenType":
        """By name in any case (`eMAID`, `iso14443`). Raises `TokenInvalid`."""
        found = _TYPES_BY_NAME.get(text.strip().casefold())
        if found is None:
            known = ", ".join(kind.value for kind in cls)
            raise TokenInvalid(f"type {text[:40]!r} is unknown: use one of {known}")
        return found

    @property
    def is_card(self) -> bool:
        """Read by the station from something held before it.

        Stations name the same card now Local, now ISO14443, and OCPI knows only RFID, so these
        kinds count as one when a token is looked up.
        """
        return self in _CARDS


_TYPES_BY_NAME = {kind.value.casefold(): kind for kind in TokenType}
_CARDS = frozenset({TokenType.RFID, TokenType.ISO14443, TokenType.ISO15693, TokenType.LOCAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """What a station presented: a normalised uid, and its kind where the protocol has one."""

    uid: str
    type: TokenType | None = None
    """None from OCPP 1.6, whose idTag has no kind."""

    def matches(self, other: "TokenKey") -> bool:
        """Whether both mean the same token."""
        if self.uid != other.uid:
            return False
        if self.type is None or other.type is None or self.type == other.type:
            return True
        return self.type.is_card and other.type.is_card

    def __repr__(self) -> str:
        return f"TokenKey(uid={mask_uid(self.uid)!r}, type={self.type})"


def normalise_uid(uid: str, *, length_max: int = UID_LENGTH_MAX) -> str:
    """The form in which uids are stored and compared: trimmed, upper case.

    OCPP 1.6 (CiString20Type), OCPP 2.x (identifierString) and OCPI (CiString) all compare
    without case. Raises `TokenInvalid` where it is empty, too long or has unprintable characters.
    """
    text = uid.strip()
    if not text:
        raise TokenInvalid("a uid is empty")
    if len(text) > length_max:
        raise TokenInvalid(f"a uid has {len(text)} characters: at most {length_max} are allowed")
    if not (text.isascii() and text.isprintable()):
        raise TokenInvalid("a uid has characters outside printable ASCII")
    return text.upper()


def mask_uid(uid: str) -> str:
    """A uid as logs may show it: its last four characters where it has eight or more."""
    return _MASK + uid[-_SHOWN:] if len(uid) >= 2 * _SHOWN else _MASK
