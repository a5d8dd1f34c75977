"""Steps of a password's rotation. The password itself never passes through here."""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.final_errors import final
from holdfast.contracts.password_rotations import EndRotation, RotationOrder, RotationSeen
from holdfast.services import password_rotations
from holdfast.services.refusal import NotFound
from holdfast.store.database import Sessions


@dataclass(frozen=True)
class PasswordRotations:
    """The passwords activities, with the database that the worker hands in."""

    sessions: Sessions

    @activity.defn(name="passwords.send")
    async def send_password(self, order: RotationOrder) -> RotationSeen:
        """Place the order that carries the new password; a repeat places nothing."""
        async with final(NotFound), self.sessions.begin() as db:
            return await password_rotations.send(db, order.rotation_id)

    @activity.defn(name="passwords.look")
    async def look_at_rotation(self, order: RotationOrder) -> RotationSeen:
        """How it stands. An accepted order makes the rotation accepted."""
        async with final(NotFound), self.sessions.begin() as db:
            return await password_rotations.look(db, order.rotation_id)

    @activity.defn(name="passwords.reset")
    async def reset_station(self, order: RotationOrder) -> RotationSeen:
        """Order a restart, once, so that the station logs in anew."""
        async with final(NotFound), self.sessions.begin() as db:
            return await password_rotations.reset(db, order.rotation_id)

    @activity.defn(name="passwords.end")
    async def end_rotation(self, order: EndRotation) -> RotationSeen:
        """Record the failure and open a task for a person; the old password stays good."""
        async with final(NotFound), self.sessions.begin() as db:
            return await password_rotations.end(
                db, order.rotation_id, order.reason, datetime.now(UTC)
            )
