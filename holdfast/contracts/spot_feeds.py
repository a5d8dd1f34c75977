"""SpotPriceFeed: reads a market's prices from a file, for as long as the feed is there."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from temporalio import activity, workflow

from holdfast.contracts.message import Message, declared

WORKFLOW = "SpotPriceFeed"
FEED_CHANGED = "feed_changed"


class StartSpotFeed(Message):
    """A feed's row exists, and its source is a file. `attention`: carried over by
    continue-as-new; `accepted`: the day whose lack a person has accepted."""

    feed_id: UUID
    organization: str
    organization_id: UUID
    feed: str
    rebuilt: bool = False
    attention: str | None = None
    accepted: str | None = None


class EventSignal(Message):
    """Something changed: the feed was retired, or its file is to be read now."""

    event_id: str


class ReadFeed(Message):
    """Names a feed."""

    feed_id: UUID


class FeedSeen(Message):
    """After a reading. `missing`: the local day (ISO) that should have prices and has not;
    `again_s`: when to read next; `until_at`: how far the prices go."""

    retired: bool = False
    missing: str | None = None
    problem: str | None = None
    again_s: int = 3600
    until_at: datetime | None = None


class FeedResolution(Message):
    """A person's word in the Temporal UI: read again now, or do without the missing day."""

    action: Literal["read_again", "do_without"]
    reason: str = ""  # refused in words where it is empty


class FeedDecision(Message):
    """To be audited, once per event. `missing`: the local day (ISO) that had no prices then."""

    feed_id: UUID
    event_id: str
    action: Literal["read_again", "do_without"]
    reason: str
    missing: str | None = None


@activity.defn(name="spot.read")
async def read_feed(order: ReadFeed) -> FeedSeen:
    """Read the file, write what is new, and say what is missing."""
    declared()


@activity.defn(name="spot.note")
async def note_feed_decision(order: FeedDecision) -> None:
    """Write a decision from the Temporal UI into the audit log."""
    declared()


@workflow.defn(name=WORKFLOW)
class SpotPriceFeedDeclaration:
    """Id `spot-<feed uuid>`, queue `tariffs`."""

    @workflow.run
    async def run(self, start: StartSpotFeed) -> FeedSeen:
        """Read until the feed is retired."""
        declared()
