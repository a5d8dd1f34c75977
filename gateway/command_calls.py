"""`python -m gateway.command_calls`: the table of calls in docs/reference/commands.md.

What an order becomes in each version of OCPP is read from the translations, like the page of every
action (gateway/coverage.py); a test compares the page with what this writes.
"""

from pathlib import Path

from gateway.coverage import orders_of
from gateway.protocols import DIALECTS
from holdfast.contracts.orders import ORDER_KINDS

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/commands.md"
BEGIN, END = "<!-- calls: begin -->", "<!-- calls: end -->"
TABLE = """| order | 1.6 | 2.0.1 | 2.1 |
|---|---|---|---|
"""
NONE = "none"


def calls_of(kind: str) -> dict[str, tuple[str, ...]]:
    """The actions that an order of the kind may take, by protocol; none: it cannot be said."""
    found = {protocol: orders_of(dialect) for protocol, dialect in DIALECTS.items()}
    return {
        protocol: tuple(action for action, kinds in sorted(actions.items()) if kind in kinds)
        for protocol, actions in found.items()
    }


def page(written: str) -> str:
    """The page with the table as the code has it, in place of the one between the marks."""
    rows = [_row(kind) for kind in ORDER_KINDS if kind != "call"]
    before, _, rest = written.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{TABLE}" + "\n".join(rows) + f"\n{END}{after}"


def _row(kind: str) -> str:
    cells = [
        ", ".join(f"`{action}`" for action in actions) or NONE
        for actions in calls_of(kind).values()
    ]
    return f"| `{kind.replace('_', '-')}` | {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
