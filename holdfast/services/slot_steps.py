"""What is to be done with a slot of the ledger, by what it is to show and what it shows. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.contracts.orders import OrderKind
from holdfast.domain.tariff import california
from holdfast.services.shown_prices import Showing, is_same
from holdfast.store.tables import ShownPrice

AGAIN_AFTER = timedelta(minutes=10)
"""A station that booted is told once more, at most so often."""

OrderAsked = tuple[OrderKind, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a slot is to show, and the order for it; None: nobody has to be asked."""

    showing: Showing
    order: OrderAsked | None = None

    @property
    def asked(self) -> OrderAsked | None:
        """The order, where it can be shown."""
        return self.order if self.showing.impossible is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What is done, once. `shown` is asked for and written; stations are asked to clear the rows
    `cleared`; the rows `ended` end at once. `again_at`: when the slot is looked at again even if
    nothing changes."""

    shown: Wanted | None = None
    cleared: tuple[ShownPrice, ...] = ()
    ended: tuple[ShownPrice, ...] = ()
    again_at: datetime | None = None

    def orders(self) -> list[OrderAsked]:
        """What is to be shown, if it is asked for, then one for each row that is cleared."""
        shown = None if self.shown is None else self.shown.asked
        clearing = [clearing_of(row) for row in self.cleared]
        return [order for order in (shown, *clearing) if order is not None]


def steps_to_show(
    wanted: Wanted, rows: Sequence[ShownPrice], awake_since: datetime | None, now: datetime
) -> Steps:
    """`rows`: what is open in the slot, oldest first. `awake_since`: since when the station
    remembers for certain."""
    again_at = None
    if rows and rows[-1].clearing_order_id is None and is_same(rows[-1], wanted.showing):
        again_at = None if wanted.order is None else _again_at(rows[-1], awake_since)
        if again_at is None or again_at > now:
            return Steps(again_at=again_at)
    # What a station shows stays shown until it confirms what comes next, or took it down.
    staying = [row for row in rows if row.state == "shown" and wanted.order is not None]
    ended = tuple(row for row in rows if row not in staying)
    if wanted.showing.impossible is None:
        cleared: tuple[ShownPrice, ...] = ()
    else:
        # One that is asked may be on its way to the station, or there, and nothing takes its place.
        asked = [row for row in rows if row.state == "asked" and wanted.order is not None]
        cleared = steps_to_clear([*staying, *asked]).cleared
    return Steps(shown=wanted, cleared=cleared, ended=ended, again_at=again_at)


def steps_to_clear(rows: Sequence[ShownPrice], *, retired: bool = False) -> Steps:
    """Nothing applies there. What a station shows stays shown until it took it down; one that is
    `retired` is not asked any more."""
    at_once = [
        row
        for row in rows
        # What was never possible has no content by which it could be taken down.
        if retired or row.state in ("refused", "unsupported") or clearing_of(row) is None
    ]
    cleared = [row for row in rows if row not in at_once and row.clearing_order_id is None]
    never_confirmed = [row for row in cleared if row.state == "asked"]
    return Steps(cleared=tuple(cleared), ended=(*at_once, *never_confirmed))


def clearing_of(row: ShownPrice) -> OrderAsked | None:
    """The order that takes it down; None: nobody has to be asked."""
    if row.channel == "station_tariff":
        return "clear_tariffs", {"ids": [row.content["tariffId"]], "evse": row.evse}
    if row.channel == "display_message":
        return "clear_display_message", {"id": row.content["id"]}
    if row.channel == "data_transfer":
        nothing = california.default_price("", "", None)
        return "configure", {"variables": {california.DEFAULT_PRICE_KEY: nothing}}
    return None


def _again_at(row: ShownPrice, awake_since: datetime | None) -> datetime | None:
    """When a station is told once more that may have lost what it confirmed: it booted since, and a
    memory that was wiped says nothing of it. Told again it changes nothing. Never more often than
    now and then: some stations boot all day."""
    if row.state != "shown" or row.order_id is None or row.shown_at is None:
        return None
    if awake_since is None or row.shown_at >= awake_since:
        return None
    return row.asked_at + AGAIN_AFTER
