"""Searching the message log: what is found, in which order, how far, and whose."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, insert

from holdfast.services import message_log
from holdfast.services.message_log import LogAsked, Position, search
from holdfast.services.refusal import Conflict, NotFound
from holdfast.store.database import Sessions
from holdfast.store.tables import Frame, Organization, Station

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
async def stations(db_sessions: Sessions, organization: UUID) -> dict[str, UUID]:
    """Two stations of acme, one of a rival, each with calls and answers a second apart."""
    async with db_sessions.begin() as db:
        rival = (
            await db.execute(
                insert(Organization).values(slug="rival", name="R").returning(Organization.id)
            )
        ).scalar_one()
        ids = {}
        for identity, owner in (("A", organization), ("B", organization), ("R", rival)):
            ids[identity] = (
                await db.execute(
                    insert(Station)
                    .values(organization_id=owner, identity=identity)
                    .returning(Station.id)
                )
            ).scalar_one()
            await db.execute(insert(Frame), list(_frames(owner, ids[identity], identity)))
    return ids


def _frames(organization: UUID, station: UUID, identity: str) -> Any:
    for number in range(10):
        at = NOW + timedelta(seconds=number)
        common = {
            "organization_id": organization,
            "station_id": station,
            "message_id": f"m{number % 5}",
            "action": "MeterValues" if number % 2 else "StatusNotification",
            "transaction_id": str(number) if number % 2 else None,
            "finding": None,
        }
        text = f'[2,"m{number % 5}","X",{{"of":"{identity}","n":{number},"Card":"ÄB100%_C"}}]'
        call = {"received_at": at, "outbound": False, "frame": text.encode()}
        yield common | call | {"finding": "odd" if number == 4 else None}
        answer = {"received_at": at + timedelta(milliseconds=30), "outbound": True}
        yield common | answer | {"frame": f'[3,"m{number % 5}",{{}}]\xff'.encode("latin-1")}


async def found(
    db_sessions: Sessions, organization: UUID, **asked: Any
) -> tuple[message_log.Found, list[str]]:
    async with db_sessions() as db:
        result = await search(db, organization, LogAsked(**{"limit": 100, **asked}))
    return result, [item.frame.frame.decode(errors="replace") for item in result.items]


async def test_a_search_finds_what_every_part_of_it_says_and_nothing_of_another_organization(
    db_sessions: Sessions, organization: UUID, stations: dict[str, UUID]
) -> None:
    everything, texts = await found(db_sessions, organization)
    assert len(texts) == 40
    assert not any('"of":"R"' in text for text in texts)
    assert {item.station for item in everything.items} == {"A", "B"}

    for asked, count in (
        ({"identity": "A"}, 20),
        ({"identity": "A", "action": "MeterValues"}, 10),
        ({"outbound": True}, 20),
        ({"transaction_id": "3"}, 4),
        ({"message_id": "m2", "identity": "B"}, 4),
        ({"odd": True}, 2),
        ({"text": '"N":7'}, 2),
        ({"text": "äb100%_c"}, 0),  # only ASCII letters are compared without their case
        ({"text": "Äb100%_c"}, 20),
        ({"text": "100x"}, 0),
        ({"since": NOW + timedelta(seconds=8)}, 8),
        ({"until": NOW + timedelta(seconds=1), "identity": "A"}, 2),
    ):
        _, texts = await found(db_sessions, organization, **asked)
        assert len(texts) == count, asked


async def test_pages_go_back_to_the_oldest_and_on_to_the_newest_without_a_gap(
    db_sessions: Sessions, organization: UUID, stations: dict[str, UUID]
) -> None:
    whole, _ = await found(db_sessions, organization)
    ids = [item.frame.id for item in whole.items]
    seen: list[int] = []
    page, _ = await found(db_sessions, organization, limit=7)
    first = page
    while True:
        seen += [item.frame.id for item in page.items]
        if page.older is None:
            break
        page, _ = await found(db_sessions, organization, limit=7, before=page.older)
    assert seen == ids

    assert first.newer is not None
    nothing, _ = await found(db_sessions, organization, limit=7, after=first.newer)
    assert nothing.items == ()
    back, _ = await found(
        db_sessions, organization, limit=7, after=Position(at=NOW, id=0), identity="A"
    )
    assert [item.frame.received_at for item in back.items] == sorted(
        (item.frame.received_at for item in back.items), reverse=True
    )
    assert back.items[-1].frame.received_at == NOW


async def test_a_call_and_its_answer_know_each_other_though_ids_come_again(
    db_sessions: Sessions, organization: UUID, stations: dict[str, UUID]
) -> None:
    result, _ = await found(db_sessions, organization, identity="A")

    for item in result.items:
        assert item.other is not None
        assert item.other.frame.outbound is not item.frame.outbound
        assert item.other.frame.station_id == item.frame.station_id
        assert item.other.latency_ms == 30


async def test_a_search_stops_after_so_many_frames_and_says_how_far_it_came(
    db_sessions: Sessions,
    organization: UUID,
    stations: dict[str, UUID],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(message_log, "SCANNED_MAX", 6)

    early, texts = await found(db_sessions, organization, identity="A", text='"n":0,')
    assert texts == []
    assert early.older is not None
    assert early.searched_to == early.older.at

    rounds = 0
    while not texts and early.older is not None:
        early, texts = await found(
            db_sessions, organization, identity="A", text='"n":0,', before=early.older
        )
        rounds += 1
    assert len(texts) == 1
    assert rounds == 3


async def test_a_search_that_takes_too_long_is_refused_in_words(
    db_sessions: Sessions, organization: UUID, stations: dict[str, UUID]
) -> None:
    async with db_sessions() as db:
        original = message_log._conditions

        def sleeping(columns: Any, asked: LogAsked) -> list[Any]:
            return [*original(columns, asked), func.pg_sleep(0.2).is_not(None)]

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(message_log, "_conditions", sleeping)
            patched.setattr(message_log, "TIME_S_MAX", 1)
            with pytest.raises(Conflict, match="more than 1 s"):
                await search(db, organization, LogAsked(limit=500))


async def test_a_station_of_another_organization_is_not_there(
    db_sessions: Sessions, organization: UUID, stations: dict[str, UUID]
) -> None:
    with pytest.raises(NotFound):
        await found(db_sessions, organization, identity="R")
