"""Courses of sessions from rows: as few queries as can be, for one and for many."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.contracts.sessions import SessionOrder
from holdfast.domain.pricing.flow import FlowSample
from holdfast.services.session_course import session_course, session_courses
from holdfast.services.session_price import bill_session
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import MeterValue, Session
from tests.services.priced_place import MINUTE, NOON, SAMPLES, Place, steep_place


@pytest.fixture
async def place(db_sessions: Sessions, organization: UUID, settings: Settings) -> Place:
    return await steep_place(db_sessions, organization, settings)


@contextmanager
def counted(engine: AsyncEngine) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


async def test_many_courses_take_as_few_queries_as_one_and_are_the_same(
    place: Place, engine: AsyncEngine
) -> None:
    ids = [await place.session(at_min=minute) for minute in range(3)]
    for session_id in ids:
        await place.sample(session_id, *SAMPLES)
    current = {"measurand": "Current.Import", "unit": "A"}
    phases = [{**current, "value": "10.5", "phase": name} for name in ("L1", "L2", "N")]
    async with place.db_sessions.begin() as db:
        await db.execute(
            insert(MeterValue).values(
                received_at=datetime.now(UTC),
                organization_id=place.made.organization_id,
                station_id=place.made.station_id,
                session_id=ids[0],
                evse=1,
                sampled_at=NOON + 10 * MINUTE,
                samples=[*phases, {"value": "1", "measurand": "Voltage"}],
            )
        )
    async with place.db_sessions() as db:
        rows = [await db.get_one(Session, session_id) for session_id in ids]
        with counted(engine) as sent:
            many = await session_courses(db, rows, current=True)
        alone = [await session_course(db, row, datetime.now(UTC), current=True) for row in rows]

    assert [many[session_id] for session_id in ids] == alone
    assert len(sent) == 3
    measured = FlowSample(at=NOON + 10 * MINUTE, current_ua=21_000_000)
    assert measured in many[ids[0]].flow
    assert [len(course.flow) for course in alone] == [5, 4, 4]


async def test_a_price_costs_no_query_that_its_tariff_does_not_need(
    place: Place, engine: AsyncEngine
) -> None:
    session_id = await place.session()
    await place.sample(session_id, *SAMPLES)
    await place.steps.begin_session(SessionOrder(session_id=session_id))
    async with place.db_sessions() as db:
        session = await db.get_one(Session, session_id)
        await bill_session(db, session, datetime.now(UTC))  # by now the version is known
        with counted(engine) as sent:
            await bill_session(db, session, datetime.now(UTC))

    assert len(sent) == 2, sent
