"""What a rule noticed and a person may want to know. A finding never stops a calculation."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters to settlement."""

    NOTE = "note"
    """Explains a number; nobody has to look."""

    REVIEW = "review"
    """The number stands, but a person should look before or after it is settled."""

    BLOCK = "block"
    """Nothing may be settled on this number until a person has looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A code for machines and a sentence for people. Never carries personal data."""

    code: str
    detail: str
    severity: Severity = Severity.NOTE

    def to_json(self) -> dict[str, str]:
        return {"code": self.code, "severity": self.severity.value, "detail": self.detail}


def note(code: str, detail: str) -> Finding:
    """A finding that explains a number."""
    return Finding(code=code, detail=detail)


def review(code: str, detail: str) -> Finding:
    """A finding that a person should look at."""
    return Finding(code=code, detail=detail, severity=Severity.REVIEW)


def block(code: str, detail: str) -> Finding:
    """A finding on which nothing may be settled or published."""
    return Finding(code=code, detail=detail, severity=Severity.BLOCK)
