"""What running transactions cost so far, for the answers to their events (OCPP 2.x I02).

Read from what the workers worked out: nothing is priced here, and no answer waits for a price. One
small question per batch, in the same pipeline as the others, and only where a 2.x transaction goes
on. What one costs in the end is priced after the batch (`gateway.totals`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor

from gateway.writing.arrays import pack
from holdfast.domain.currency import Currency, UnknownCurrency
from holdfast.domain.money import Money

FRESH_FOR = timedelta(minutes=5)
"""What was worked out longer ago is no running cost any more: then nothing is said."""

_COSTS = """
SELECT c.session_id, c.incl_minor, c.currency, c.as_of
FROM unnest(%b::uuid[], %b::text[]) AS w(station_id, transaction_id)
JOIN sessions s USING (station_id, transaction_id)
JOIN running_costs c ON c.session_id = s.id
WHERE c.tellable
"""


@dataclass(frozen=True, slots=True)
class CostSoFar:
    """After tax, in minor units."""

    minor: int
    currency: str
    as_of: datetime

    def total(self, now: datetime) -> float | None:
        """In major units; None where it is stale."""
        if self.as_of < now - FRESH_FOR:
            return None
        try:
            return told_total(Money(self.minor, Currency.of(self.currency)))
        except UnknownCurrency:
            return None


def told_total(money: Money) -> float:
    """In major units, with the digits that are billed: the message has a JSON number, and nobody
    reckons with it here."""
    return float(Decimal(money.amount_minor).scaleb(-money.currency.exponent))


async def ask_costs(
    connection: AsyncConnection[Any], pairs: Iterable[tuple[UUID, str]]
) -> AsyncCursor[Any]:
    """Of these stations' transactions. In a pipeline this does not wait."""
    wanted = sorted(set(pairs))
    return await connection.cursor(binary=True).execute(
        _COSTS, (pack("uuid", [one for one, _ in wanted]), pack("text", [two for _, two in wanted]))
    )


async def costs_of(cursor: AsyncCursor[Any]) -> dict[UUID, CostSoFar]:
    """By session."""
    return {row[0]: CostSoFar(row[1], row[2], row[3]) for row in await cursor.fetchall()}
