"""Steps of a market price feed: read its file, and write down what a person decided."""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.final_errors import final
from holdfast.contracts.ports import SpotPriceSource
from holdfast.contracts.spot_feeds import FeedDecision, FeedSeen, ReadFeed
from holdfast.services import spot_prices, spot_readings
from holdfast.services.refusal import NotFound
from holdfast.store.database import Sessions


@dataclass(frozen=True)
class SpotFeeds:
    """The feeds' activities, with the database and the source that the worker hands in."""

    sessions: Sessions
    source: SpotPriceSource

    @activity.defn(name="spot.read")
    async def read_feed(self, order: ReadFeed) -> FeedSeen:
        """Read the file, write what is new, and say what is missing."""
        async with final(NotFound):
            async with self.sessions() as db:
                feed = await spot_prices.known_feed(db, order.feed_id)
            found = None
            if feed.retired_at is None:
                found = await spot_readings.read(self.source, feed.key)
            async with self.sessions.begin() as db:
                return await spot_readings.take(db, order.feed_id, found, datetime.now(UTC))

    @activity.defn(name="spot.note")
    async def note_feed_decision(self, order: FeedDecision) -> None:
        """Write a decision from the Temporal UI into the audit log."""
        async with final(NotFound), self.sessions.begin() as db:
            await spot_readings.note(db, order)
