"""Sessions priced from rows: by frozen terms, by what the driver had before, in any order."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, update

from holdfast.contracts.late_truth import LateOrder
from holdfast.contracts.ports import SpotInterval
from holdfast.contracts.sessions import SessionOrder
from holdfast.services import price_terms
from holdfast.services.price_terms import context_of
from holdfast.services.session_price import bill_session
from holdfast.services.spot_prices import write_prices
from holdfast.services.verify import find_breaches
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Account,
    Session,
    Settlement,
    SignedReading,
    Site,
    SpotFeed,
    UserGroup,
)
from tests.activities.rows import account, decided, row_of
from tests.services.priced_place import (
    MINUTE,
    NOON,
    SAMPLES,
    START_MWH,
    Place,
    retariffed,
    steep_place,
)
from tests.signed_meter import SigningMeter

METER = SigningMeter()


@pytest.fixture
async def place(db_sessions: Sessions, organization: UUID, settings: Settings) -> Place:
    return await steep_place(db_sessions, organization, settings)


async def test_a_session_costs_the_same_however_and_whenever_its_samples_came(
    place: Place,
) -> None:
    account_id, token_id = await account(place.db_sessions, place.made, billing="invoice")
    driver: dict[str, Any] = {"account_id": account_id, "token_id": token_id}
    in_order, backwards, late = [await place.session(**driver) for _ in range(3)]
    await place.sample(in_order, *SAMPLES)
    await place.sample(backwards, *reversed(SAMPLES), SAMPLES[2])
    await place.sample(late, SAMPLES[0], SAMPLES[4])

    first, second = await place.settle(in_order), await place.settle(backwards)
    before = await place.settle(late)
    await place.sample(late, SAMPLES[5], *SAMPLES[3:0:-1])
    result = await place.steps.reprice_session(LateOrder(session_id=late))
    async with place.db_sessions.begin() as db:
        again = await bill_session(
            db, await db.get_one(Session, late), datetime.now(UTC), recorded=before.breakdown
        )

    assert first.breakdown["lines"] == second.breakdown["lines"] == again.breakdown["lines"]
    assert first.incl_vat == second.incl_vat == again.incl_vat
    assert len(first.breakdown["lines"]) == 5
    assert before.amount_minor != first.amount_minor
    assert before.amount_minor + result.difference_minor == first.amount_minor
    assert result.review_opened


async def test_a_corrected_sample_is_as_if_it_had_been_there_from_the_start(place: Place) -> None:
    """A register that fell once is a slip: the sample that corrects it leaves no trace of it."""
    account_id, token_id = await account(place.db_sessions, place.made, billing="invoice")
    driver: dict[str, Any] = {"account_id": account_id, "token_id": token_id}
    right, wrong = [await place.session(**driver) for _ in range(2)]
    await place.sample(right, *SAMPLES)
    await place.sample(wrong, *SAMPLES[:3], (22, 100, 12_500), *SAMPLES[4:])

    settled = await place.settle(right)
    slipped = await place.settle(wrong)
    await place.sample(wrong, SAMPLES[3])
    result = await place.steps.reprice_session(LateOrder(session_id=wrong))

    assert slipped.amount_minor != settled.amount_minor
    assert slipped.amount_minor + result.difference_minor == settled.amount_minor


async def test_what_was_frozen_at_the_start_counts_whatever_changes_later(place: Place) -> None:
    await retariffed(
        place,
        elements=[
            {
                "price_components": [{"type": "ENERGY", "price": "0.20"}],
                "restrictions": {"user_groups": ["taxi"]},
            },
            {"price_components": [{"type": "ENERGY", "price": "0.90"}]},
        ],
    )
    account_id, token_id = await account(place.db_sessions, place.made, billing="invoice")
    async with place.db_sessions.begin() as db:
        group = UserGroup(organization_id=place.made.organization_id, key="taxi", name="Taxis")
        db.add(group)
        await db.flush()
        await db.execute(update(Account).values(user_group_id=group.id))
    session_id = await place.session(account_id=account_id, token_id=token_id)
    await place.sample(session_id, (60, 10_000, None))
    await place.steps.begin_session(SessionOrder(session_id=session_id))
    async with place.db_sessions.begin() as db:
        await db.execute(update(Account).values(user_group_id=None))
        await db.execute(update(Site).values(time_zone="Asia/Tokyo", calibration_law=True))

    settled = await place.settle(session_id)

    terms = (await row_of(place.db_sessions, session_id)).price_terms
    assert terms is not None
    assert (terms["groups"], terms["zone"], terms["calibration_law"]) == (
        ["taxi"],
        "Europe/Berlin",
        False,
    )
    assert (terms["audience"], terms["place"], terms["considered"]) == (
        "everybody",
        "organization",
        [],
    )
    assert settled.amount_minor == 200
    assert settled.breakdown["context"]["user_groups"] == ["taxi"]


async def test_a_cap_of_the_day_counts_what_the_driver_spent_before(place: Place) -> None:
    await retariffed(place, daily_cap={"incl_vat": "9.00"})
    mine, token_id = await account(place.db_sessions, place.made, billing="invoice")
    other, _ = await account(place.db_sessions, place.made, billing="invoice")
    first = await place.session(at_min=0, account_id=mine, token_id=token_id)
    second = await place.session(at_min=90, account_id=mine, token_id=token_id)
    waived = await place.session(at_min=-90, account_id=mine, token_id=token_id)
    others = await place.session(at_min=91, account_id=other)
    for session_id in (first, second, waived, others):
        await place.sample(session_id, (60, 12_000, None))
    await decided(place.db_sessions, place.made, waived, "waive")

    amounts = [
        (await place.settle(session_id)).amount_minor
        for session_id in (waived, first, others, second)
    ]

    assert amounts == [600, 600, 600, 300]
    earlier = (await place.settle(second)).breakdown["context"]["earlier"]
    assert [item["incl_vat"] for item in earlier["spent"]] == ["6"]


async def test_sessions_side_by_side_never_cost_more_than_the_cap_of_their_day(
    place: Place,
) -> None:
    """Whichever is settled first, also where all are settled at the same moment; an allowance is
    what was shown at the start."""
    allowance = {"type": "ENERGY", "quantity": "4", "per": "day"}
    await retariffed(place, daily_cap={"incl_vat": "9.00"}, allowances=[allowance])
    mine, token_id = await account(place.db_sessions, place.made, billing="invoice")
    ids = [
        await place.session(at_min=minute, account_id=mine, token_id=token_id)
        for minute in range(4)
    ]
    for session_id in ids:
        await place.sample(session_id, (60, 12_000, None))

    last = await place.settle(ids[3])
    await asyncio.gather(*(place.settle(session_id) for session_id in ids[:3]))
    settled = [await place.settle(session_id) for session_id in ids]
    results = [await place.steps.reprice_session(LateOrder(session_id=one)) for one in ids]
    async with place.db_sessions.begin() as db:
        fresh = await context_of(db, await db.get_one(Session, ids[3]))

    assert last.amount_minor == 400
    assert sum(one.amount_minor for one in settled) == 900
    assert {one.difference_minor for one in results} == {0}
    assert not fresh.earlier.spent


async def test_a_repricing_takes_what_was_earlier_from_the_settlement(place: Place) -> None:
    """An earlier session that is settled later must not change what is settled already."""
    allowance = {"type": "ENERGY", "quantity": "10", "per": "day"}
    await retariffed(place, allowances=[allowance])
    mine, token_id = await account(place.db_sessions, place.made, billing="invoice")
    slow, quick = [
        await place.session(at_min=minute, account_id=mine, token_id=token_id) for minute in (0, 5)
    ]
    await place.sample(slow, (60, 8_000, None))
    await place.sample(quick, (60, 12_000, None))

    settled = await place.settle(quick)
    later = await place.settle(slow)
    result = await place.steps.reprice_session(LateOrder(session_id=quick))
    async with place.db_sessions.begin() as db:
        session = await db.get_one(Session, quick)
        fresh = await context_of(db, session)
        recorded = await context_of(db, session, recorded=settled.breakdown)

    assert (settled.amount_minor, later.amount_minor) == (100, 0)
    assert (result.difference_minor, result.review_opened) == (0, False)
    assert (len(fresh.earlier.used), len(recorded.earlier.used)) == (2, 0)


async def test_under_calibration_law_prices_change_on_readings_that_are_not_proven_wrong(
    place: Place,
) -> None:
    """The price rises after 10 minutes; 15 was signed wrongly, 30 rightly."""
    async with place.db_sessions.begin() as db:
        await db.execute(update(Site).values(calibration_law=True))
    session_id = await place.session()
    await place.sample(session_id, *((minute, minute * 50, 3_000) for minute in (0, 31, 60)))
    async with place.db_sessions.begin() as db:
        for minute, reason, wh, verified in (
            (0, "B", 0, True),
            (15, "T", 750, False),
            (30, "T", 1_512, None),
            (60, "E", 3_000, True),
        ):
            at = NOON + minute * MINUTE
            await db.execute(
                insert(SignedReading).values(
                    organization_id=place.made.organization_id,
                    station_id=place.made.station_id,
                    session_id=session_id,
                    evse=1,
                    received_at=at,
                    at=at,
                    data=METER.record((reason, (START_MWH + wh * 1_000) / 1e6), at=at).encode(),
                    digest=uuid4(),
                    verified=verified,
                )
            )

    settled = await place.settle(session_id)

    assert [(line["quantity"], line["unit_price"]) for line in settled.breakdown["lines"]] == [
        ("1.512", "0.31"),
        ("1.488", "0.50"),
    ]
    codes = [found["code"] for found in settled.breakdown["findings"]]
    assert codes == ["boundary_moved"]


async def test_a_settled_price_that_does_not_repeat_is_a_breach(place: Place) -> None:
    account_id, token_id = await account(place.db_sessions, place.made, billing="invoice")
    driver: dict[str, Any] = {"account_id": account_id, "token_id": token_id}
    wrong, late, right = [await place.session(**driver) for _ in range(3)]
    for session_id in (wrong, late, right):
        await place.sample(session_id, *SAMPLES)
        await place.settle(session_id)
    async with place.db_sessions.begin() as db:
        await db.execute(
            update(Settlement)
            .where(Settlement.session_id != right)
            .values(amount_minor=Settlement.amount_minor + 1)
        )
    await place.sample(late, (30, 8_000, None))

    async with place.db_sessions() as db:
        breaches = await find_breaches(db)

    found = {breach.invariant.name: breach.examples for breach in breaches}
    assert found["price_repeats"] == (str(wrong),)


@pytest.mark.parametrize("most", [0, 5_000])
async def test_a_repricing_knows_the_market_also_where_the_settlement_did_not_keep_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(price_terms, "SPOT_RECORDED_MAX", most)
    spot = {"feed": "M", "fallback": "1.00"}
    component = {"type": "ENERGY", "price": "0", "spot": spot}
    await retariffed(place, elements=[{"price_components": [component]}])
    async with place.db_sessions.begin() as db:
        organization_id = place.made.organization_id
        feed = SpotFeed(organization_id=organization_id, key="M", name="M", currency="EUR",
                        time_zone="UTC", source="api")  # fmt: skip
        db.add(feed)
        await db.flush()
        hour = SpotInterval(starts_at=NOON, ends_at=NOON + 60 * MINUTE, price=Decimal("0.20"))
        await write_prices(db, feed, [hour])
    account_id, token_id = await account(place.db_sessions, place.made, billing="invoice")
    session_id = await place.session(account_id=account_id, token_id=token_id)
    await place.sample(session_id, (60, 10_000, None))

    settled = await place.settle(session_id)
    result = await place.steps.reprice_session(LateOrder(session_id=session_id))

    assert settled.amount_minor == 200
    assert ("spot" in settled.breakdown["context"]) == (most > 0)
    assert (result.difference_minor, result.review_opened) == (0, False)
