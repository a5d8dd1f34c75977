"""The queue of tariffs: going live with them, trying them on the past, and the market's prices."""

from collections.abc import Callable
from typing import Any

from activities.spot_feeds import SpotFeeds
from activities.tariff_publications import TariffPublications
from activities.tariff_simulations import TariffSimulations
from holdfast.adapters.spot_price_file import SpotPriceFolder
from holdfast.contracts.names import TARIFFS_QUEUE
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from workers.role import Role
from workflows.spot_price_feed import SpotPriceFeed
from workflows.tariff_publication import TariffPublication
from workflows.tariff_simulation import TariffSimulation

ACTIVITIES_MAX = 4  # each works through many rows; sessions and payments come first

WORKFLOWS: tuple[type, ...] = (TariffPublication, TariffSimulation, SpotPriceFeed)


def tariff_role(settings: Settings, db_sessions: Sessions) -> Role:
    """Its workflows and their activities, built on what is handed in."""
    return Role(
        queue=TARIFFS_QUEUE,
        workflows=WORKFLOWS,
        activities=tariff_activities(settings, db_sessions),
        activities_max=ACTIVITIES_MAX,
    )


def tariff_activities(settings: Settings, db_sessions: Sessions) -> list[Callable[..., Any]]:
    """The steps of the queue's workflows."""
    publications = TariffPublications(db_sessions)
    simulations = TariffSimulations(db_sessions)
    feeds = SpotFeeds(db_sessions, SpotPriceFolder(settings.spot_prices_dir))
    return [
        publications.look_at_publication,
        publications.tell_stations,
        publications.end_publication,
        publications.resolve_publication,
        publications.raise_publication_attention,
        simulations.begin_simulation,
        simulations.advance_simulation,
        simulations.fail_simulation,
        feeds.read_feed,
        feeds.note_feed_decision,
    ]
