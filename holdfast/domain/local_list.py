"""What a station's local authorization list should hold, and how to get it there. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

ENTRIES_PER_ORDER = 1_000  # the gateway splits an order by what the station takes at once
FAILURES_MAX = 3
OCPP16_UID_MAX = 20

Status = Literal["accepted", "blocked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """A token as the station is to know it."""

    uid: str
    type: str
    status: Status
    expires_at: datetime | None = None
    group_id: str | None = None

    @property
    def digest(self) -> str:
        """The type, and what is other whenever the station would have to be told anew."""
        told = f"{self.status}|{self.expires_at}|{self.group_id}"
        return f"{self.type}:{blake2b(told.encode(), digest_size=8).hexdigest()}"

    def to_json(self) -> dict[str, Any]:
        """As an order of the kind `local_list` carries it."""
        return {
            "uid": self.uid,
            "type": self.type,
            "status": self.status,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "group_id": self.group_id,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUpdate:
    """One step: the whole list anew (or its beginning), or what changed. Without entries a full
    one empties the list."""

    full: bool
    entries: tuple[ListEntry, ...]
    removed: tuple[tuple[str, str], ...] = ()  # uid and type

    def to_json(self, version: int) -> dict[str, Any]:
        """The order's payload. `version` is that of its last part."""
        gone = [{"uid": uid, "type": kind} for uid, kind in self.removed]
        return {
            "version": version,
            "update": "full" if self.full else "differential",
            "entries": [entry.to_json() for entry in self.entries] + gone,
        }

    @property
    def size(self) -> int:
        """Entries and removals."""
        return len(self.entries) + len(self.removed)


def fitting(
    entries: Iterable[ListEntry], *, protocol: str | None, entries_max: int | None
) -> tuple[list[ListEntry], int]:
    """The entries that a station can hold, and how many were left out. Accepted ones go first:
    without its entry a card is asked about, or refused offline, as a blocked one is."""
    wanted = list(entries)
    kept = wanted
    if protocol in (None, "ocpp1.6"):
        kept = [entry for entry in wanted if len(entry.uid) <= OCPP16_UID_MAX]
    kept.sort(key=lambda entry: (entry.status != "accepted", entry.uid))
    if entries_max is not None:
        kept = kept[: max(0, entries_max)]
    return kept, len(wanted) - len(kept)


def next_update(
    wanted: Iterable[ListEntry], confirmed: Mapping[str, str], *, full: bool
) -> ListUpdate | None:
    """What to send next; None where the station has it all. `confirmed`: digests by uid.

    Removals and blocked tokens go before new ones: a card that must not charge does not wait for
    a thousand others.
    """
    by_uid = {entry.uid: entry for entry in wanted}
    if full:
        first = sorted(by_uid.values(), key=_urgency)[:ENTRIES_PER_ORDER]
        return ListUpdate(full=True, entries=tuple(first))
    gone = sorted(uid for uid in confirmed if uid not in by_uid)[:ENTRIES_PER_ORDER]
    removed = tuple((uid, confirmed[uid].partition(":")[0]) for uid in gone)
    changed = [entry for entry in by_uid.values() if confirmed.get(entry.uid) != entry.digest]
    changed.sort(key=_urgency)
    entries = tuple(changed[: ENTRIES_PER_ORDER - len(removed)])
    if not entries and not removed:
        return None
    return ListUpdate(full=False, entries=entries, removed=removed)


def next_version(confirmed: int, sent: int, reported: int | None, size: int) -> int:
    """Above every version that the station may have. Each message of an update has a version of
    its own, and the order names the last: there are never more messages than entries."""
    return max(confirmed, sent, reported or 0, 0) + max(1, size)


def _urgency(entry: ListEntry) -> tuple[bool, str]:
    return entry.status == "accepted", entry.uid
