"""What stations answered about prices, written into the ledger.

What is published is noted for its versions; what a person had a station show has none.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# What became of the orders. One that nobody answered stays asked, and ends: the next look at the
# station asks again.
_ANSWERED = text(
    "UPDATE shown_prices p SET "
    "state = CASE o.state WHEN 'accepted' THEN 'shown' WHEN 'rejected' THEN 'refused' "
    "WHEN 'superseded' THEN 'withdrawn' WHEN 'cancelled' THEN 'withdrawn' ELSE 'asked' END, "
    "shown_at = CASE WHEN o.state = 'accepted' THEN coalesce(o.answered_at, :now) END, "
    "until_at = CASE WHEN o.state IN ('accepted', 'rejected') THEN NULL ELSE :now END, "
    "detail = CASE WHEN o.state = 'accepted' THEN p.detail ELSE left(concat_ws('; ', "
    "o.state || coalesce(': ' || (o.answer ->> 'status'), ''), p.detail), 1000) END "
    "FROM orders o WHERE o.id = p.order_id AND p.version_id = ANY(:versions) "
    "AND p.state = 'asked' AND p.until_at IS NULL AND o.state NOT IN ('waiting', 'sent') "
    "RETURNING p.version_id, p.state"
)
# A message beside another one, under another number, takes nothing's place.
_REPLACING = (
    "UPDATE shown_prices p SET until_at = n.shown_at, ended_by = n.shown_by FROM shown_prices n "
    "WHERE {new} AND n.state = 'shown' AND n.until_at IS NULL "
    "AND p.station_id = n.station_id AND p.channel = n.channel "
    "AND p.evse IS NOT DISTINCT FROM n.evse "
    "AND (p.channel <> 'display_message' OR p.content ->> 'id' = n.content ->> 'id') "
    "AND {before} AND p.state = 'shown' AND p.until_at IS NULL"
)
# A station that says that there is nothing to clear shows nothing either.
_CLEARING = (
    "UPDATE shown_prices p SET "
    "until_at = CASE WHEN o.state IN ('accepted', 'rejected') "
    "THEN coalesce(o.answered_at, :now) END, "
    "ended_by = CASE WHEN o.state IN ('accepted', 'rejected') "
    "THEN nullif(o.requested_by, 'system:tariffs') END, "
    "clearing_order_id = CASE WHEN o.state IN ('accepted', 'rejected') THEN p.clearing_order_id "
    "END "
    "FROM orders o WHERE o.id = p.clearing_order_id AND {old} "
    "AND p.until_at IS NULL AND o.state NOT IN ('waiting', 'sent')"
)
_REPLACED = text(_REPLACING.format(new="n.version_id = ANY(:versions)", before="p.id < n.id"))
_CLEARED = text(_CLEARING.format(old="p.version_id = ANY(:versions)"))
_OF_ONE_OR_ALL = (
    "(CAST(:organization AS uuid) IS NULL OR p.organization_id = CAST(:organization AS uuid))"
)
# Who has not accepted shows what was there before. What is said to one driver ends as it is said.
_ANSWERED_BY_HAND = text(
    "UPDATE shown_prices p SET "
    "state = CASE o.state WHEN 'accepted' THEN 'shown' WHEN 'rejected' THEN 'refused' "
    "ELSE 'withdrawn' END, "
    "shown_at = CASE WHEN o.state = 'accepted' THEN coalesce(o.answered_at, :now) END, "
    "until_at = CASE WHEN o.state <> 'accepted' "
    "OR (p.channel = 'data_transfer' AND p.content ? 'messageId') "
    "THEN coalesce(o.answered_at, :now) END, "
    "detail = CASE WHEN o.state = 'accepted' THEN p.detail ELSE left(concat_ws(': ', "
    "o.state, o.answer ->> 'status'), 1000) END "
    "FROM orders o WHERE o.id = p.order_id AND p.version_id IS NULL "
    "AND (CAST(:organization AS uuid) IS NULL "
    "OR p.organization_id = CAST(:organization AS uuid)) "
    "AND p.state = 'asked' AND p.until_at IS NULL AND o.state NOT IN ('waiting', 'sent')"
)
_REPLACED_BY_HAND = text(
    _REPLACING.format(
        new=f"n.version_id IS NULL AND {_OF_ONE_OR_ALL}",
        before="(p.shown_at, p.id) < (n.shown_at, n.id)",
    )
)
_CLEARED_BY_HAND = text(_CLEARING.format(old=f"p.version_id IS NULL AND {_OF_ONE_OR_ALL}"))

# Both ways through the index of what is not answered yet.
_WITH_ANSWERS = text(
    "SELECT p.version_id FROM shown_prices p JOIN orders o ON o.id = p.order_id "
    "WHERE p.state = 'asked' AND p.until_at IS NULL AND o.state NOT IN ('waiting', 'sent') "
    "UNION SELECT p.version_id FROM shown_prices p JOIN orders o ON o.id = p.clearing_order_id "
    "WHERE p.clearing_order_id IS NOT NULL AND p.until_at IS NULL "
    "AND o.state NOT IN ('waiting', 'sent') LIMIT :most"
)


async def answered_versions(db: AsyncSession, most: int) -> list[UUID | None]:
    """Versions of which stations answered something that is not written down yet; None where
    that is of what a person had them show."""
    return list((await db.scalars(_WITH_ANSWERS, {"most": most})).all())


async def note_answers(
    db: AsyncSession,
    version_ids: Sequence[UUID],
    now: datetime,
    *,
    organization_id: UUID | None = None,
) -> frozenset[UUID]:
    """Write down what stations answered about these versions since; which of them were refused.

    And before that what they answered to orders of people, so that each row ends when the next one
    began: in this organization, or in all of them for the workers' own look.
    """
    await _note_by_hand(db, organization_id, now)
    values = {"versions": list(version_ids), "now": now}
    answered = (await db.execute(_ANSWERED, values)).all()
    await db.execute(_REPLACED, {"versions": list(version_ids)})
    await db.execute(_CLEARED, values)
    return frozenset(version_id for version_id, state in answered if state == "refused")


async def _note_by_hand(db: AsyncSession, organization_id: UUID | None, now: datetime) -> None:
    whose = {"organization": organization_id}
    await db.execute(_ANSWERED_BY_HAND, {"now": now} | whose)
    await db.execute(_REPLACED_BY_HAND, whose)
    await db.execute(_CLEARED_BY_HAND, {"now": now} | whose)
