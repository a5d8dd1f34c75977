"""Places without a price over HTTP: the list, its figures, the overview, the word at assigning."""

import httpx

from holdfast.store.database import Sessions
from holdfast.store.tables import Evse, Station
from tests.api.test_tariffs import authors_publish, make

__all__ = ["authors_publish"]


async def test_gaps_are_listed_a_page_at_a_time_and_counted(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: object
) -> None:
    malmo = await client.post(
        "/api/v1/sites",
        json={"name": "Malmö", "time_zone": "Europe/Stockholm", "currency": "SEK"},
    )
    async with db_sessions.begin() as db:
        station = Station(
            organization_id=organization,
            site_id=malmo.json()["id"],
            identity="MAL-1",
            registration="accepted",
        )
        db.add(station)
        await db.flush()
        for number in (1, 2):
            db.add(Evse(organization_id=organization, station_id=station.id, number=number))
    free = (await client.get("/api/v1/price-gaps")).json()
    assert (free["assigned"], free["items"], free["evses"]) == (False, [], 2)
    tariff = (await make(client))["id"]

    made = await client.put("/api/v1/tariff-assignments", json={"tariff": tariff, "ad_hoc": True})
    first = (await client.get("/api/v1/price-gaps?limit=1")).json()
    second = (await client.get("/api/v1/price-gaps", params={"cursor": first["next"]})).json()
    figures = (await client.get("/api/v1/overview")).json()

    (finding,) = made.json()["findings"]
    assert (finding["code"], finding["severity"]) == ("other_currency", "review")
    assert "Malmö (SEK)" in finding["detail"]
    assert [(item["station"], item["evse"]) for item in first["items"] + second["items"]] == [
        ("MAL-1", 1),
        ("MAL-1", 2),
    ]
    assert second["next"] is None
    assert [
        (gap["kind"], gap["from_at"], gap["currency"]) for gap in first["items"][0]["gaps"]
    ] == [
        ("only_ad_hoc", None, None),
        ("other_currency", None, "EUR"),
    ]
    assert (first["assigned"], first["evses"], first["lacking"]) == (True, 2, 2)
    assert first["counts"][1] == {"kind": "only_ad_hoc", "now": 2, "soon": 0}
    assert (await client.get("/api/v1/price-gaps?kind=no_price")).json()["items"] == []
    assert (await client.get("/api/v1/price-gaps?kind=nonsense")).status_code == 422
    assert figures["prices"]["evses"] == 2
    assert (figures["attention"], figures["drafts_to_review"]) == (1, 0)
