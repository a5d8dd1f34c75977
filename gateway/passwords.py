"""A new password on its way to a station: what an order sends, and what a login tells of it.

While a rotation runs both passwords are good. The station decides it by what it logs in with; until
then nobody is locked out, whatever became of the order.
"""

from uuid import UUID

from gateway.postgres import Pool
from gateway.writing.changes import OutboxChange
from gateway.writing.saving import save_outbox
from gateway.writing.station_saving import notify
from holdfast.contracts import password_rotations
from holdfast.contracts.names import password_workflow_id
from holdfast.services.passwords import PENDING_PURPOSE
from holdfast.store.sealing import CannotUnseal, unseal

# Not if the password was rotated once more meanwhile.
_FORGET_PREVIOUS = """
UPDATE stations SET previous_password_hash = NULL WHERE id = %s AND password_hash = %s
"""
_TAKE = """
UPDATE stations SET password_hash = pending_password_hash, previous_password_hash = NULL,
    pending_password_hash = NULL, changed_at = now()
WHERE id = %s AND pending_password_hash = %s RETURNING organization_id
"""
_DONE = """
UPDATE password_rotations SET state = 'done', password_sealed = NULL,
    finished_at = coalesce(finished_at, now())
WHERE id = (SELECT id FROM password_rotations WHERE station_id = %s ORDER BY id DESC LIMIT 1)
RETURNING id
"""
# It came with the old one after the rotation had failed: the new one is certainly not its own.
_KEEP = """
UPDATE stations s SET pending_password_hash = NULL WHERE s.id = %s AND NOT EXISTS (
    SELECT FROM password_rotations r
    WHERE r.station_id = s.id AND r.state IN ('pending', 'accepted')
)
"""
_KEPT = """
UPDATE password_rotations SET password_sealed = NULL WHERE station_id = %s AND state = 'failed'
    AND password_sealed IS NOT NULL
"""
_PENDING = """
SELECT id, password_sealed FROM password_rotations
WHERE station_id = %s AND state IN ('pending', 'accepted') ORDER BY id DESC LIMIT 1
"""


class NoPendingPassword(Exception):
    """Nothing is on its way to this station, or it cannot be unsealed here."""


async def pending_password(pool: Pool, secret_key: str, station_id: UUID) -> str:
    """What an order of kind `password` sends, read when it is sent: it rests in no order.
    Raises NoPendingPassword."""
    async with pool.connection() as connection:
        row = await (await connection.execute(_PENDING, (station_id,))).fetchone()
    if row is None or row[1] is None:
        raise NoPendingPassword("no rotation is under way")
    try:
        plain = unseal(secret_key, row[1], purpose=PENDING_PURPOSE, subject=str(station_id))
    except CannotUnseal as error:
        raise NoPendingPassword(str(error)) from error
    return plain.decode()


async def take_pending(pool: Pool, station_id: UUID, pending: bytes | None) -> None:
    """The station came with the new password: it is the only one from now on."""
    async with pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(_TAKE, (station_id, pending))).fetchone()
        if row is None:
            return
        rotation = await (await connection.execute(_DONE, (station_id,))).fetchone()
        if rotation is None:
            return
        change = OutboxChange(
            organization_id=row[0],
            workflow_id=password_workflow_id(rotation[0]),
            operation="signal",
            name=password_rotations.PASSWORD_SEEN,
            message=password_rotations.EventSignal(event_id=f"seen:{rotation[0]}"),
        )
        await save_outbox(connection, [change])
        await notify(connection, {"outbox", "stations"})


async def forget_previous(pool: Pool, station_id: UUID, current: bytes | None) -> None:
    """The station has the new password: the one before it is good no longer."""
    async with pool.connection() as connection:
        await connection.execute(_FORGET_PREVIOUS, (station_id, current))


async def keep_current(pool: Pool, station_id: UUID) -> None:
    """The station came with the old password. Whether the new one is void, the rotation says."""
    async with pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(_KEEP, (station_id,))
        if cursor.rowcount:
            await connection.execute(_KEPT, (station_id,))
