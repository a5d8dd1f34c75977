"""The energy that a meter signed for, beside the energy that is billed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.domain.finding import Finding, Severity, block

ROUNDING_MWH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedEnd:
    """A signed register, in mWh. `verified`: by a key that a person stands for."""

    register_mwh: int
    resolution_mwh: int
    begins: bool
    ends: bool
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedEnergy:
    """What was signed between begin and end, and how exactly."""

    energy_mwh: int
    within_mwh: int
    verified: bool


def signed_energy(ends: Sequence[SignedEnd]) -> SignedEnergy | None:
    """From the readings that a meter marked as begin and end; None where one is missing.

    Of several the lowest begin and the highest end count: meters repeat both in later records.
    """
    begin = min((end for end in ends if end.begins), key=lambda end: end.register_mwh, default=None)
    last = max((end for end in ends if end.ends), key=lambda end: end.register_mwh, default=None)
    if begin is None or last is None:
        return None
    return SignedEnergy(
        energy_mwh=last.register_mwh - begin.register_mwh,
        within_mwh=begin.resolution_mwh + last.resolution_mwh + ROUNDING_MWH,
        verified=begin.verified and last.verified,
    )


def evidence_findings(
    verdicts: Sequence[bool | None], signed: SignedEnergy | None, energy_wh: int
) -> tuple[Finding, ...]:
    """What signed values say against a bill. Nobody is billed on a value that is proven wrong;
    values that nobody could verify only deserve a look."""
    findings: list[Finding] = []
    if any(verdict is False for verdict in verdicts):
        detail = "a signed meter value does not fit its signature and the confirmed key"
        findings.append(block("signature_wrong", detail))
    if signed is not None:
        difference = abs(energy_wh * 1_000 - signed.energy_mwh)
        if difference > signed.within_mwh:
            findings.append(
                Finding(
                    code="signed_energy_differs",
                    detail=f"signed for {signed.energy_mwh // 1_000} Wh, counted {energy_wh} Wh",
                    severity=Severity.BLOCK if signed.verified else Severity.REVIEW,
                )
            )
    return tuple(findings)
