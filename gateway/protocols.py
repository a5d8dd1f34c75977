"""The OCPP versions that we speak, by websocket subprotocol."""

from collections.abc import Sequence

from gateway.dialect import Dialect
from gateway.schemas import validator
from gateway.v16.dialect import OCPP16
from gateway.v21.dialect import OCPP21
from gateway.v201.dialect import OCPP201

DIALECTS: dict[str, Dialect] = {dialect.protocol: dialect for dialect in (OCPP16, OCPP201, OCPP21)}


def choose(offered: Sequence[str], on_record: str | None) -> str | None:
    """The first that the station offers and we speak; where it offers none, its record's own."""
    if not offered:
        return on_record if on_record in DIALECTS else None
    return next((name for name in offered if name in DIALECTS), None)


def compile_schemas() -> None:
    """Compile the schema of every action that we read, before the first station comes."""
    for dialect in DIALECTS.values():
        for action in dialect.handlers:
            validator(dialect.protocol, action)
