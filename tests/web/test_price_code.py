"""The QR code of an EVSE leads to its public price page, and is drawn for those who may see it."""

from dataclasses import replace
from xml.etree import ElementTree

import httpx
import pytest
from starlette.applications import Starlette

from holdfast.settings import Settings
from tests.web.conftest import HOST, SignIn
from tests.web.network import Network
from web.dashboard.price_code import code_svg, price_page_url

CODE = "/stations/HAM-01/evses/1/qr.svg"
SVG = "{http://www.w3.org/2000/svg}"


async def test_the_code_of_an_evse_holds_the_address_of_its_price_page(
    sign_in: SignIn, network: Network, client: httpx.AsyncClient
) -> None:
    browser = await sign_in("read-only")
    answer = await browser.client.get(CODE)
    picture = ElementTree.fromstring(answer.text)  # noqa: S314 - our own answer
    title = picture.find(f"{SVG}title")

    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"] == 'inline; filename="price-HAM-01-1.svg"'
    assert title is not None
    assert title.text == f"{HOST}/p/HAM-01/1"
    assert (await client.get(title.text)).status_code == 200
    assert {element.tag for element in picture.iter()} == {
        f"{SVG}{name}" for name in ("svg", "title", "path", "g")
    }
    assert 200 <= int(picture.attrib["width"]) == int(picture.attrib["height"]) <= 1_000
    assert CODE in (await browser.page("/stations/HAM-01")).links


async def test_an_installation_s_own_address_goes_before_that_of_the_visit(
    sign_in: SignIn, network: Network, web: Starlette, settings: Settings
) -> None:
    browser = await sign_in("read-only")
    public = settings.model_copy(update={"public_url": "https://charge.example/cpms/"})
    web.state.desk = replace(web.state.desk, settings=public)

    answer = await browser.client.get(CODE)

    assert "<title>https://charge.example/cpms/p/HAM-01/1</title>" in answer.text


async def test_who_is_not_signed_in_and_an_evse_that_is_not_there_get_no_code(
    sign_in: SignIn, network: Network, client: httpx.AsyncClient
) -> None:
    browser = await sign_in("read-only")

    assert (await client.get(CODE)).status_code == 303
    for evse in ("99", "0", "x", "1" * 20, "%C2%B2"):
        path = f"/stations/HAM-01/evses/{evse}/qr.svg"
        assert (await browser.client.get(path)).status_code == 404


@pytest.mark.parametrize("identity", ["A/B?c#d", '<svg onload="x">', "Ü 1", "x" * 255])
def test_any_identity_fits_into_a_code_and_out_of_the_markup(identity: str) -> None:
    address = price_page_url("https://charge.example", identity, 12)
    picture = ElementTree.fromstring(code_svg(address))  # noqa: S314 - our own picture

    assert httpx.URL(address).path == f"/p/{identity}/12"
    assert picture.findtext(f"{SVG}title") == address
    assert not any("on" in name[:2] for element in picture.iter() for name in element.attrib)
