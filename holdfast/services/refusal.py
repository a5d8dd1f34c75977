"""Expected failures of a use case, in the few kinds that an edge must tell apart.

The text of a refusal is written for the caller: it says what is wrong and what would be right,
and never holds a secret or another organization's data.
"""


class Refusal(Exception):
    """Nothing was changed; the message says why."""


class NotFound(Refusal):
    """This organization has no such thing."""

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"there is no {kind} {str(name)[:80]!r}")
        self.kind = kind


class Conflict(Refusal):
    """It is there already, or its state does not allow this."""


class Invalid(Refusal):
    """A value that cannot be: names the field, the value and what would be right."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field} is {str(value)[:80]!r}: {expected}")
        self.field = field
        self.value = value
        self.expected = expected


class TooMany(Refusal):
    """A limit on the number of something is reached."""
