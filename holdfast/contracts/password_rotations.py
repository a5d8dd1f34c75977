"""PasswordRotation: a new Basic password for a station, which cannot lock it out.

Both passwords are good until the station has come with one of them (OCPP 1.6 security whitepaper
A01, 2.0.1 A01). The password itself is in no message: it rests sealed in its row, and the gateway
reads it when the order is sent.
"""

from datetime import datetime
from uuid import UUID

from temporalio import activity, workflow

from holdfast.contracts.message import Message, declared

WORKFLOW = "PasswordRotation"
PASSWORD_SEEN = "password_seen"  # noqa: S105 - the name of a signal


class StartRotation(Message):
    """A rotation's row exists."""

    rotation_id: UUID
    organization: str
    organization_id: UUID
    station_id: UUID
    station: str
    site_id: UUID | None = None
    reset: bool = False
    deadline_at: datetime
    rebuilt: bool = False


class RotationOrder(Message):
    """Names a rotation."""

    rotation_id: UUID


class RotationSeen(Message):
    """As its rows are now. `order` is the state of the order that carries the password; `state`
    the rotation's, both from store.tables."""

    state: str
    order: str | None = None


class EndRotation(Message):
    """It is over without the station having come with the new password."""

    rotation_id: UUID
    reason: str


class EventSignal(Message):
    """Something changed: look again."""

    event_id: str


@activity.defn(name="passwords.send")
async def send_password(order: RotationOrder) -> RotationSeen:
    """Place the order that carries the new password; a repeat places nothing."""
    declared()


@activity.defn(name="passwords.look")
async def look_at_rotation(order: RotationOrder) -> RotationSeen:
    """How it stands. An accepted order makes the rotation accepted."""
    declared()


@activity.defn(name="passwords.reset")
async def reset_station(order: RotationOrder) -> RotationSeen:
    """Order a restart, once, so that the station logs in anew."""
    declared()


@activity.defn(name="passwords.end")
async def end_rotation(order: EndRotation) -> RotationSeen:
    """Record the failure and open a task for a person; the old password stays good."""
    declared()


@workflow.defn(name=WORKFLOW)
class PasswordRotationDeclaration:
    """Id `password-<rotation uuid>`, queue `orders`."""

    @workflow.run
    async def run(self, start: StartRotation) -> RotationSeen:
        """Send, then wait until the station comes with it, or the deadline."""
        declared()
