"""The shape of everything that crosses a process: frozen, tolerant of fields it does not know.

Messages only ever gain fields, with defaults: an old worker must read a new message and the other
way round, because the SDK silently drops a signal that does not decode.
"""

from typing import NoReturn

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A value between processes. Ids and figures only: no token uid, no name, no card."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def declared() -> NoReturn:
    """The body of a declaration: an activity whose implementation a worker registers."""
    raise RuntimeError("this is a declaration; the worker registers the implementation")
