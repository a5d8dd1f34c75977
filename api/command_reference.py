"""`python -m api.command_reference`: the table of docs/reference/commands.md, from the forms.

The calls of each version stand in docs/reference/ocpp.md; what a command takes is said here once,
by the form that reads it. A test compares the page with what this writes.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from api.routes import command_forms as forms
from api.routes.commands import START_VALID_S, STOP_VALID_S, VALID_S
from api.routes.more_commands import COMMANDS
from holdfast.domain import order_policy

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/commands.md"

FIRST: tuple[tuple[str, type[BaseModel], int], ...] = (
    ("start", forms.StartForm, START_VALID_S),
    ("stop", forms.StopForm, STOP_VALID_S),
    ("reset", forms.ResetForm, VALID_S),
    ("unlock", forms.UnlockForm, VALID_S),
    ("availability", forms.AvailabilityForm, VALID_S),
    ("trigger", forms.TriggerForm, VALID_S),
    ("configure", forms.ConfigureForm, VALID_S),
    ("read_configuration", forms.ReadConfigurationForm, VALID_S),
    ("data_transfer", forms.DataTransferForm, VALID_S),
)

BEGIN, END = "<!-- commands: begin -->", "<!-- commands: end -->"
TABLE = """| command | fields | waits for | repeated | what it is |
|---|---|---|---|---|
"""


def page(written: str) -> str:
    """The page with the table as the code has it, in place of the one between the marks."""
    rows = [_row(kind, form, valid_s, _said(form)) for kind, form, valid_s in FIRST]
    rows += [_row(one.kind, one.form, one.valid_s, one.text) for one in COMMANDS]
    before, _, rest = written.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{TABLE}" + "\n".join(rows) + f"\n{END}{after}"


def _said(form: type[BaseModel]) -> str:
    return " ".join((form.__doc__ or "").split())


def _row(kind: str, form: type[BaseModel], valid_s: int, text: str) -> str:
    repeated = "yes" if kind in order_policy.REPEATABLE else "no"
    fields = _fields(form) or "none"
    name = kind.replace("_", "-")
    told = text.replace("|", "or")
    return f"| `{name}` | {fields} | {_duration(valid_s)} | {repeated} | {told} |"


def _fields(form: type[BaseModel]) -> str:
    schema: dict[str, Any] = form.model_json_schema(by_alias=True)
    needed = set(schema.get("required", ()))
    names = schema.get("properties", {})
    return ", ".join(f"**`{name}`**" if name in needed else f"`{name}`" for name in names)


def _duration(seconds: int) -> str:
    if seconds % 86_400 == 0:
        return f"{seconds // 86_400} d"
    if seconds % 3_600 == 0:
        return f"{seconds // 3_600} h"
    return f"{seconds // 60} min"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
