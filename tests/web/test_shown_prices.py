"""The ledger of shown prices and the progress of publications, as pages."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select

from holdfast.services import publication_steps, publications
from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, Publication, ShownPrice, TariffVersion
from tests.web.conftest import SignIn
from tests.web.network import Network


async def test_the_ledger_and_the_progress_are_shown_and_refusals_decided(
    sign_in: SignIn, network: Network, db_sessions: Sessions, organization: UUID
) -> None:
    browser = await sign_in()
    assert "Nothing shown yet" in (await browser.page("/tariffs/ledger")).text
    async with db_sessions.begin() as db:
        version = await db.get_one(TariffVersion, network.tariff_version)
        publication = await publications.begin(db, version, "key:1")
        await publication_steps.tell(db, publication.id, None, datetime.now(UTC))
        publication.attention = "1 places refused the price"
        page = (await db.scalars(select(ShownPrice).where(ShownPrice.evse == 2))).first()
        assert page is not None
        sender = f"key:{browser.key_id}"
        page.ended_by, page.until_at = sender, datetime.now(UTC)
        db.add(
            ShownPrice(
                organization_id=organization,
                key="order:1",
                channel="display_message",
                station_id=page.station_id,
                content={"id": 7},
                text="9 EUR/kWh",
                state="shown",
                shown_by=sender,
                shown_at=datetime.now(UTC),
            )
        )

    by_hand = (await browser.page("/tariffs/ledger?station=HAM-01")).text
    assert "By hand administrator of the night shift" in by_hand
    assert "by hand, administrator of the night shift" in by_hand
    ledger = await browser.page("/tariffs/ledger?station=HAM-01&channel=page")
    assert "EVSE 1" in ledger.text
    assert "Price page" in ledger.text
    assert "version 1" in ledger.text
    before = await browser.page("/tariffs/ledger?station=HAM-01&at=2020-01-01T00:00")
    assert "Nothing was shown there then" in before.text
    assert "Nothing was shown" in (await browser.page("/tariffs/ledger?station=NOBODY")).text

    waiting = await browser.page("/attention")
    where = f"/tariffs/publications?tariff={publication.tariff_id}#publication-{publication.id}"
    section = waiting.one("section", aria_labelledby="publications-title")
    assert section.links == [where]
    assert "Everyday, version 1 1 places refused the price" in section.text
    linked = await browser.page(where.partition("#")[0])
    assert [row.attributes["id"] for row in linked.all("tr") if "id" in row.attributes] == [
        where.partition("#")[2]
    ]
    progress = await browser.page("/tariffs/publications")
    assert "Everyday" in progress.text
    assert "1 places refused the price" in progress.text
    decision = {"action": "try_again", "reason": "new firmware"}
    path = f"/tariffs/publications/{publication.id}/resolve"
    assert (await browser.send(path, **decision)).status_code == 303
    async with db_sessions() as db:
        entry = await db.scalar(
            select(AuditEntry).where(AuditEntry.action == "tariff.publication_decision")
        )
        assert entry is not None
        assert entry.reason == "new firmware"


async def test_who_only_reads_decides_nothing_about_a_publication(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("read-only")
    async with db_sessions.begin() as db:
        version = await db.get_one(TariffVersion, network.tariff_version)
        row = await publications.begin(db, version, "key:1")
        (await db.get_one(Publication, row.id)).attention = "1 places refused the price"

    page = await browser.page("/tariffs/publications")
    path = f"/tariffs/publications/{row.id}/resolve"

    assert "Tell them again" not in page.text
    refused = await browser.send(path, action="leave", reason="because")
    assert refused.status_code == 403
