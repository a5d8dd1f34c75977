"""One central system on TLS for all tests of security profiles."""

from collections.abc import AsyncIterator

import pytest

from tests.gateway.conformance.secured import Secured, open_secured


@pytest.fixture(scope="package")
async def secured(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Secured]:
    """It listens with and without TLS, and trusts a vendor's authority for stations."""
    async with open_secured(postgres_url, tmp_path_factory.mktemp("tls")) as secured:
        yield secured
