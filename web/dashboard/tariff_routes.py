"""Every page and form of tariffs, prices, publications, simulations, market prices and groups."""

from starlette.routing import BaseRoute, Route

from web.dashboard import tariffs
from web.visit import visited


def tariff_routes() -> list[BaseRoute]:
    """One line per route; a form names the permission that the API asks for the same."""
    return [
        Route("/tariffs", visited(tariffs.show_tariffs), methods=["GET"]),
    ]
