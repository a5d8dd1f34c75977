"""What is done with a slot of the ledger, as a plain value."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from holdfast.services.shown_prices import Showing, Slot
from holdfast.services.slot_steps import (
    AGAIN_AFTER,
    Steps,
    Wanted,
    steps_to_clear,
    steps_to_show,
)
from holdfast.store.tables import ShownPrice

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OLD, NEW = uuid4(), uuid4()
TARIFF = {"tariffId": "t.1"}


def row(state: str, channel: str = "station_tariff", **fields: Any) -> ShownPrice:
    """Of the old version; told at noon."""
    values = {"version_id": OLD, "content": TARIFF, "evse": 1, "order_id": uuid4()}
    return ShownPrice(
        channel=channel, state=state, asked_at=NOON, shown_at=NOON, **(values | fields)
    )


def wanted(version_id: Any = NEW, *, asked: bool = True, impossible: str | None = None) -> Wanted:
    showing = Showing(
        slot=Slot(channel="station_tariff" if asked else "page", station_id=uuid4(), evse=1),
        version_id=version_id,
        content={} if impossible else TARIFF,
        impossible=impossible,
    )
    return Wanted(showing=showing, order=("default_tariff", {"evse": 1}) if asked else None)


def test_what_is_shown_stays_until_the_station_confirms_the_new_one() -> None:
    shown, asked, refused = row("shown"), row("asked"), row("refused")
    new = wanted()
    steps = steps_to_show(new, [shown, asked], None, NOON)
    assert (steps.shown, steps.ended, steps.cleared) == (new, (asked,), ())
    assert steps.orders() == [("default_tariff", {"evse": 1})]
    assert steps_to_show(new, [refused], None, NOON).ended == (refused,)

    page = wanted(asked=False)
    steps = steps_to_show(page, [shown], None, NOON)
    assert (steps.shown, steps.ended, steps.orders()) == (page, (shown,), [])


@pytest.mark.parametrize("state", ["asked", "shown", "refused"])
def test_the_same_is_asked_for_once(state: str) -> None:
    assert steps_to_show(wanted(OLD), [row(state)], None, NOON) == Steps()
    being_cleared = row(state, clearing_order_id=uuid4())
    assert steps_to_show(wanted(OLD), [being_cleared], None, NOON).shown is not None


def test_a_station_that_booted_since_is_told_again_after_a_pause() -> None:
    shown, since = row("shown"), NOON + MINUTE
    waits = steps_to_show(wanted(OLD), [shown], since, NOON + 2 * MINUTE)
    assert waits == Steps(again_at=NOON + AGAIN_AFTER)
    told = steps_to_show(wanted(OLD), [shown], since, NOON + AGAIN_AFTER)
    assert (told.shown is not None, told.ended) == (True, ())

    remembers = steps_to_show(wanted(OLD), [shown], NOON, NOON + AGAIN_AFTER)
    page = steps_to_show(wanted(OLD, asked=False), [shown], since, NOON + AGAIN_AFTER)
    assert remembers == page == Steps()


def test_where_the_new_one_cannot_be_shown_the_old_one_is_cleared() -> None:
    shown, asked = row("shown"), row("asked")
    steps = steps_to_show(wanted(impossible="no"), [shown, asked], None, NOON)
    assert (steps.cleared, steps.ended) == ((shown, asked), (asked,))
    assert steps.orders() == [("clear_tariffs", {"ids": ["t.1"], "evse": 1})] * 2

    impossible = row("unsupported", content={})
    assert steps_to_show(wanted(OLD, impossible="no"), [impossible], None, NOON) == Steps()


def test_nothing_is_cleared_twice_nor_where_nobody_can_clear_it() -> None:
    shown, asked = row("shown"), row("asked")
    assert steps_to_clear([shown, asked]) == Steps(cleared=(shown, asked), ended=(asked,))
    assert steps_to_clear([row("shown", clearing_order_id=uuid4())]) == Steps()
    for ended in (row("refused"), row("unsupported", content={}), row("shown", channel="page")):
        assert steps_to_clear([ended]) == Steps(ended=(ended,))
    assert steps_to_clear([shown], retired=True) == Steps(ended=(shown,))
