"""Signed meter records in OCMF, read and verified by `pyocmf` (the extra `ocmf`).

Without the extra nothing is verified and everything is kept: the records can be verified later, by
us or by the transparency software of the meter's maker.
"""

import warnings
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from holdfast.contracts.ports import SignatureCheck, SignedRegister

if TYPE_CHECKING:
    from pyocmf import OCMF, Reading

NOT_INSTALLED = "not verified: the extra holdfast[ocmf] is not installed"
MILLIWATTHOURS = {"kWh": 1_000_000, "Wh": 1_000}
REGISTER_MWH_MAX = 10**15


class OcmfSignatures:
    """Implements `SignatureChecker`."""

    def check(self, record: str, keys: Sequence[str]) -> SignatureCheck:
        """Read an OCMF record and verify it with any of these keys (DER in hex)."""
        try:
            from pyocmf import OCMF, PyOCMFError
        except ImportError:
            return SignatureCheck(verified=None, problem=NOT_INSTALLED)
        with warnings.catch_warnings():
            # Records of meters in the field deviate; that is no reason not to verify them.
            warnings.simplefilter("ignore")
            try:
                parsed = OCMF.from_string(record)
            except (PyOCMFError, ValueError, RecursionError) as error:
                return SignatureCheck(verified=None, problem=f"unreadable: {type(error).__name__}")
            registers = _registers(parsed)
            if not keys:
                return SignatureCheck(
                    verified=None, problem="no confirmed key of this meter", registers=registers
                )
            return _verified(parsed, keys, registers)

    def key_problem(self, key: str) -> str | None:
        """Why this is no usable public key; None for one that is, or that nothing here can read."""
        try:
            from pyocmf import PublicKey, PyOCMFError
        except ImportError:
            return None
        try:
            PublicKey.from_string(key)
        except ImportError:
            return None
        except (PyOCMFError, ValueError):
            return "it is no public key of an elliptic curve that OCMF knows"
        return None


def _verified(
    parsed: "OCMF", keys: Sequence[str], registers: tuple[SignedRegister, ...]
) -> SignatureCheck:
    from pyocmf import PyOCMFError

    problem = "no confirmed key of this meter verifies it"
    decided = False
    for key in keys:
        try:
            if parsed.verify_signature(key):
                return SignatureCheck(verified=True, key=key, registers=registers)
            decided = True
        except ImportError:
            return SignatureCheck(verified=None, problem=NOT_INSTALLED, registers=registers)
        except (PyOCMFError, ValueError) as error:
            problem = f"cannot be verified: {str(error)[:200]}"
    if decided:
        problem = "the signature does not fit the record and the confirmed key"
    return SignatureCheck(verified=False if decided else None, problem=problem, registers=registers)


def _registers(parsed: "OCMF") -> tuple[SignedRegister, ...]:
    found = (_register(reading) for reading in parsed.payload.RD)
    return tuple(register for register in found if register is not None)


def _register(reading: "Reading") -> SignedRegister | None:
    factor = MILLIWATTHOURS.get(str(reading.RU))
    if reading.RV is None or factor is None:
        return None
    value = Decimal(str(reading.RV))
    exponent = value.as_tuple().exponent
    if not value.is_finite() or not isinstance(exponent, int):
        return None
    register_mwh = int(value * factor)
    if not 0 <= register_mwh <= REGISTER_MWH_MAX:
        return None
    reason = str(reading.TX or "")
    return SignedRegister(
        at=reading.timestamp,
        register_mwh=register_mwh,
        resolution_mwh=max(1, int(Decimal(1).scaleb(min(exponent, 0)) * factor)),
        begins=reason == "B",
        ends=reason in ("E", "L", "R", "A", "P"),
    )
