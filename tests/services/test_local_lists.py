"""Local lists on real rows: what is ordered, and a station that does what it is told."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.dialect import Call, OrderContext
from gateway.limits import Limit, Limits
from gateway.v16.dialect import OCPP16
from gateway.v201.dialect import OCPP201
from holdfast.contracts.orders import FinishOrder
from holdfast.services import accounts, local_lists, order_steps, tokens
from holdfast.services.refusal import Conflict, Invalid
from holdfast.services.token_import import import_tokens
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Account,
    LocalList,
    LocalListEntry,
    Order,
    OutboxRow,
    Session,
    Site,
    Station,
    StationVariable,
    Token,
)

ACTOR = "key:test"


@dataclass
class ListStation:
    """A station's side: its list, its version, and how it answers."""

    protocol: str = "ocpp1.6"
    version: int = 0
    items_max: int = 100
    held: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)  # forced, first come first
    frames: list[Call] = field(default_factory=list)

    def take(self, order: Order) -> tuple[str, dict[str, Any]]:
        """The order's state and answer."""
        dialect = OCPP16 if self.protocol == "ocpp1.6" else OCPP201
        limits = replace(Limits(), local_list=Limit(items=self.items_max))
        response: dict[str, Any] = {}
        for call in dialect.translate_order(order.kind, order.payload, OrderContext(limits=limits)):
            self.frames.append(call)
            forced = self.answers.pop(0) if self.answers else ""
            if forced == "timed_out":
                return "timed_out", {"status": "timeout"}
            response = self._do(call) if not forced else {"status": forced}
            if response.get("status", "Accepted") != "Accepted":
                return "rejected", {"status": "accepted", "response": response}
        return "accepted", {"status": "accepted", "response": response}

    def _do(self, call: Call) -> dict[str, Any]:
        if call.action == "GetLocalListVersion":
            return {"listVersion": self.version}  # also in 2.0.1, as MicroOcpp does (quirk 15)
        version = int(call.payload.get("listVersion") or call.payload["versionNumber"])
        entries = call.payload.get("localAuthorizationList") or []
        assert len(entries) <= self.items_max
        if call.payload["updateType"] == "Full":
            self.held.clear()
        elif version <= self.version:
            return {"status": "VersionMismatch"}
        self.version = version
        for entry in entries:
            uid = entry.get("idTag") or entry["idToken"]["idToken"]
            info = entry.get("idTagInfo") or entry.get("idTokenInfo")
            if info is None:
                self.held.pop(uid, None)
            else:
                self.held[uid] = info["status"]
        return {"status": "Accepted"}


@dataclass
class World:
    """An organization with one station that has tokens to hold."""

    sessions: Sessions
    organization: UUID
    station_id: UUID
    site_id: UUID

    async def settle(self, station: ListStation, most: int = 40) -> int:
        """Deliver orders until none waits; how many there were."""
        for count in range(most):
            async with self.sessions.begin() as db:
                order = await db.scalar(
                    select(Order)
                    .where(Order.state == "waiting", Order.station_id == self.station_id)
                    .order_by(Order.id)
                    .limit(1)
                )
                if order is None:
                    return count
                order.state, order.answer = station.take(order)
                await db.flush()
                done = FinishOrder(order_id=order.id, state=order.state)
                await order_steps.finish(db, done, datetime.now(UTC))
                # Told twice, as a retried activity would: nothing more happens.
                await order_steps.finish(db, done, datetime.now(UTC))
        raise AssertionError("it never comes to an end")

    async def list_row(self, db: AsyncSession) -> LocalList:
        row = await db.get(LocalList, self.station_id, populate_existing=True)
        assert row is not None
        return row

    async def rule(self, rule: str | None, **place: Any) -> None:
        async with self.sessions.begin() as db:
            now = datetime.now(UTC)
            await local_lists.set_rule(db, self.organization, rule, actor=ACTOR, now=now, **place)


@pytest.fixture
async def world(db_sessions: Sessions, organization: UUID) -> World:
    async with db_sessions.begin() as db:
        site = Site(
            organization_id=organization, name="Depot", time_zone="Europe/Berlin", currency="EUR"
        )
        db.add(site)
        await db.flush()
        station = Station(
            organization_id=organization,
            site_id=site.id,
            identity="CP1",
            registration="accepted",
            protocol="ocpp1.6",
        )
        db.add(station)
        account = Account(organization_id=organization, name="Ada", billing="invoice")
        db.add(account)
        await db.flush()
        await db.execute(
            insert(Token),
            [
                {"organization_id": organization, "type": "ISO14443", "uid": f"CARD{n:03}",
                 "account_id": account.id if n % 2 else None,
                 "status": "blocked" if n == 7 else "accepted"}
                for n in range(25)
            ],
        )  # fmt: skip
    return World(db_sessions, organization, station.id, site.id)


async def test_a_list_is_off_until_a_rule_says_otherwise(world: World) -> None:
    async with world.sessions.begin() as db:
        await tokens.create_token(db, world.organization, {"type": "ISO14443", "uid": "NEW1"})
        assert await db.scalar(select(func.count()).select_from(Order)) == 0
        with pytest.raises(Conflict, match="set a rule first"):
            await local_lists.resync(
                db, world.organization, "CP1", actor=ACTOR, now=datetime.now(UTC)
            )
        with pytest.raises(Invalid):
            await local_lists.set_rule(
                db, world.organization, "some", actor=ACTOR, now=datetime.now(UTC)
            )


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_full_list_goes_in_parts_and_then_only_what_changed(
    world: World, protocol: str
) -> None:
    station = ListStation(protocol, items_max=10)
    async with world.sessions.begin() as db:
        await db.execute(update(Station).values(protocol=protocol))
    await world.rule("all", site_id=world.site_id)

    assert await world.settle(station) == 2  # the question, and the list
    assert len(station.held) == 25
    assert station.held["CARD007"] == "Blocked"
    kinds = [call.payload.get("updateType") for call in station.frames]
    assert kinds == [None, "Full", "Differential", "Differential"]

    station.frames.clear()
    async with world.sessions.begin() as db:
        card = await tokens.find_token(db, world.organization, "CARD001")
        assert card is not None
        await tokens.update_token(db, world.organization, card.id, {"status": "blocked"})
        await tokens.create_token(db, world.organization, {"type": "ISO14443", "uid": "NEW1"})
        gone = await tokens.find_token(db, world.organization, "CARD002")
        assert gone is not None
        await tokens.delete_token(db, world.organization, gone.id)
        # Three changes, one question: they are gathered, and go out within seconds.
        waiting = (await db.scalars(select(Order).where(Order.state == "waiting"))).all()
        assert [order.kind for order in waiting] == ["local_list_version"]
        due_at = await db.scalar(select(OutboxRow.due_at).order_by(OutboxRow.id.desc()).limit(1))
        assert due_at is not None
        assert (due_at - datetime.now(UTC)).total_seconds() < 5
    assert await world.settle(station) == 2
    (sent,) = [call.payload for call in station.frames if call.action == "SendLocalList"]
    assert sent["updateType"] == "Differential"
    assert len(sent["localAuthorizationList"]) == 3
    assert station.held["CARD001"] == "Blocked"
    assert station.held["NEW1"] == "Accepted"
    assert "CARD002" not in station.held

    async with world.sessions.begin() as db:
        row = await world.list_row(db)
        assert (row.state, row.confirmed_version) == ("current", station.version)
        held = await db.scalars(select(LocalListEntry.uid))
        assert set(held) == set(station.held)

    await world.rule("off", site_id=world.site_id)
    await world.settle(station)
    assert station.held == {}
    async with world.sessions.begin() as db:
        await tokens.create_token(db, world.organization, {"type": "ISO14443", "uid": "NEW2"})
    assert await world.settle(station) == 0  # and nobody bothers it any more


async def test_a_station_that_lost_its_list_or_refuses_gets_all_of_it_anew(world: World) -> None:
    station = ListStation()
    await world.rule("own")
    await world.settle(station)
    assert len(station.held) == 12  # tokens that have an account

    station.held, station.version = {}, 0  # a factory reset
    async with world.sessions.begin() as db:
        await tokens.create_token(db, world.organization, {"type": "ISO14443", "uid": "NEW1"})
    await world.settle(station)
    assert len(station.held) == 12

    async with world.sessions.begin() as db:
        account = await db.scalar(select(Account))
        assert account is not None
        station.version += 100  # somebody else wrote to it
        await accounts.update_account(db, world.organization, account.id, {}, blocked=True)
    station.frames.clear()
    await world.settle(station)
    assert set(station.held.values()) == {"Blocked"}
    assert station.frames[-1].payload["updateType"] == "Full"


async def test_failures_end_in_a_state_that_a_person_sees_and_resync_begins_again(
    world: World,
) -> None:
    station = ListStation(version=3)
    # Question, list refused; question, list lost; question, list refused for the third time.
    station.answers = ["", "Failed", "", "timed_out", "", "VersionMismatch"]
    await world.rule("all", identity="CP1")
    assert await world.settle(station) == 6
    async with world.sessions.begin() as db:
        row = await world.list_row(db)
        assert (row.state, row.failures) == ("failed", 3)
        assert row.last_result == "VersionMismatch"
        await local_lists.resync(db, world.organization, "CP1", actor=ACTOR, now=datetime.now(UTC))
    await world.settle(station)
    assert len(station.held) == 25
    async with world.sessions.begin() as db:
        row = await world.list_row(db)
        assert (row.state, row.failures) == ("current", 0)


async def test_a_station_without_a_list_is_remembered(world: World) -> None:
    station = ListStation(version=-1)
    await world.rule("all")
    assert await world.settle(station) == 1
    async with world.sessions.begin() as db:
        assert (await world.list_row(db)).state == "unsupported"
        await tokens.create_token(db, world.organization, {"type": "ISO14443", "uid": "NEW1"})
    assert await world.settle(station) == 0
    station.version = 0
    async with world.sessions.begin() as db:
        await local_lists.resync(db, world.organization, "CP1", actor=ACTOR, now=datetime.now(UTC))
    await world.settle(station)
    assert len(station.held) == 26


async def test_what_a_list_cannot_say_is_left_out_and_told(world: World) -> None:
    station = ListStation()
    async with world.sessions.begin() as db:
        await db.execute(
            insert(StationVariable).values(
                organization_id=world.organization,
                station_id=world.station_id,
                component="",
                variable="LocalAuthListMaxLength",
                value="10",
                reported_at=datetime.now(UTC),
                source="get",
            )
        )
        for values in (
            {"uid": "X" * 21},  # longer than an idTag
            {"uid": "ELSEWHERE", "site_ids": ["00000000-0000-4000-8000-000000000001"]},
        ):
            await tokens.create_token(db, world.organization, {"type": "ISO14443"} | values)
    await world.rule("all")
    await world.settle(station)

    assert len(station.held) == 10
    assert set(station.held.values()) == {"Accepted"}
    async with world.sessions.begin() as db:
        row = await world.list_row(db)
        assert (row.wanted_count, row.left_out_count) == (10, 17)


async def test_a_station_that_is_new_or_accepted_later_gets_its_list(world: World) -> None:
    await world.rule("all")
    now = datetime.now(UTC)

    async def waiting(db: AsyncSession, identity: str) -> int:
        of_station = select(Station.id).where(Station.identity == identity).scalar_subquery()
        placed = select(func.count()).where(Order.station_id == of_station)
        return await db.scalar(placed) or 0

    async with world.sessions.begin() as db:
        for identity, registration in (
            ("CP2", "accepted"),
            ("CP3", "pending"),
            ("CP4", "accepted"),
        ):
            db.add(
                Station(
                    organization_id=world.organization,
                    identity=identity,
                    registration=registration,
                )
            )
        await db.flush()
        for identity in ("CP2", "CP3"):
            await local_lists.station_changed(db, world.organization, identity, now)
        assert [await waiting(db, one) for one in ("CP2", "CP3", "CP4")] == [1, 0, 0]
        await db.execute(update(Station).values(registration="accepted"))
        db.expire_all()
        await local_lists.station_changed(db, world.organization, "CP3", now)
        assert await waiting(db, "CP3") == 1
        # One that let itself in is found by upkeep.
        assert await local_lists.begin_missing(db, now) == 1
        assert await local_lists.begin_missing(db, now) == 0
        assert await waiting(db, "CP4") == 1


async def test_blocking_a_card_clears_the_caches_that_may_hold_it(world: World) -> None:
    now = datetime.now(UTC)
    async with world.sessions.begin() as db:
        card = await tokens.find_token(db, world.organization, "CARD001")
        assert card is not None
        await db.execute(
            insert(StationVariable).values(
                organization_id=world.organization,
                station_id=world.station_id,
                component="",
                variable="AuthorizationCacheEnabled",
                value="true",
                reported_at=now,
                source="get",
            )
        )
        other = await tokens.find_token(db, world.organization, "CARD003")
        assert other is not None
        await tokens.update_token(db, world.organization, other.id, {"status": "blocked"})
        assert await db.scalar(select(func.count()).select_from(Order)) == 0  # never seen there
        await db.execute(
            insert(Session).values(
                organization_id=world.organization,
                station_id=world.station_id,
                evse=1,
                token_id=card.id,
            )
        )
        await tokens.update_token(db, world.organization, card.id, {"status": "blocked"})
        orders = (await db.scalars(select(Order))).all()
        assert [(order.kind, order.station_id) for order in orders] == [
            ("clear_cache", world.station_id)
        ]
        await tokens.update_token(db, world.organization, card.id, {"status": "accepted"})
        content = b"uid,type,status\nCARD001,ISO14443,blocked\nCARD003,ISO14443,blocked\n"
        done = await import_tokens(db, world.organization, content)
        assert done.updated == 1
        assert await db.scalar(select(func.count()).select_from(Order)) == 2
        await import_tokens(db, world.organization, content)
        assert await db.scalar(select(func.count()).select_from(Order)) == 2
