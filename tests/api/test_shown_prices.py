"""The ledger of shown prices over HTTP."""

import httpx


async def test_an_evse_is_asked_for_with_its_station(client: httpx.AsyncClient) -> None:
    alone = await client.get("/api/v1/shown-prices?evse=1")
    unknown = await client.get("/api/v1/shown-prices?evse=1&station=NOWHERE")
    everything = await client.get("/api/v1/shown-prices")

    assert (alone.status_code, unknown.status_code, everything.status_code) == (422, 404, 200)
    assert "station" in alone.text
    assert everything.json()["items"] == []
