"""The API's application: its routes, its errors, its limits. It opens nothing by itself."""

import asyncio
from functools import cache

import stripe
from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from api.front_door import FrontDoor
from api.metrics import RequestMetrics
from api.notices import Notices
from api.openapi import describe
from api.order_wait import OrderWait
from api.reference_page import STYLE, STYLE_PATH, reference_page
from api.routes import (
    accounts,
    api_keys,
    certificate_status,
    commands,
    events,
    evidence,
    facts,
    holiday_calendars,
    local_lists,
    messages,
    monitors,
    more_commands,
    ocpp_calls,
    orders,
    organizations,
    outbox,
    oversight,
    payments,
    plug_and_charge,
    price_gaps,
    publications,
    quirks,
    quotes,
    receipts,
    sessions,
    sites,
    spot_feeds,
    station_events,
    station_security,
    stations,
    tariff_assignment_batches,
    tariff_assignments,
    tariff_curves,
    tariff_drafts,
    tariff_previews,
    tariff_simulations,
    tariff_versions,
    tariffs,
    tokens,
    user_groups,
    variables,
)
from api.temporal_link import TemporalLink
from api.webhooks import stripe as stripe_webhooks
from holdfast.adapters.saved_cards import StripeCards
from holdfast.http import problems
from holdfast.http.body_size import BodySizeLimit
from holdfast.http.principal import RateLimits
from holdfast.settings import Settings
from holdfast.store.database import Sessions

PREFIX = "/api/v1"
CSV_BYTES_MAX = 8 * 1_048_576
WEBHOOK_BYTES_MAX = 512 * 1_024
DESCRIPTION = (
    "Send your key as 'Authorization: Bearer KEY'. Errors are problem+json (RFC 9457). Lists are "
    '{"items": [...], "next": cursor or null} and take limit and cursor. Writes take an '
    "Idempotency-Key. Times are RFC 3339 in UTC. Stations are addressed by their OCPP identity."
)
ROUTERS = (
    organizations.router,
    api_keys.router,
    sites.router,
    stations.router,
    commands.router,
    more_commands.router,
    ocpp_calls.router,
    variables.router,
    monitors.router,
    orders.router,
    tokens.router,
    accounts.router,
    tariffs.router,
    tariff_previews.router,
    tariff_curves.router,
    tariff_versions.router,
    tariff_drafts.router,
    tariff_simulations.router,
    tariff_assignment_batches.router,
    tariff_assignments.router,
    user_groups.router,
    quotes.router,
    price_gaps.router,
    publications.router,
    holiday_calendars.router,
    spot_feeds.router,
    sessions.router,
    receipts.router,
    payments.router,
    facts.quarantine_router,
    facts.late_router,
    outbox.router,
    oversight.router,
    messages.router,
    quirks.router,
    station_events.router,
    station_security.router,
    events.router,
    local_lists.router,
    plug_and_charge.router,
    evidence.router,
)


def create_app(
    settings: Settings,
    sessions: Sessions,
    *,
    notices: Notices | None = None,
    temporal: TemporalLink | None = None,
    stripe_client: stripe.StripeClient | None = None,
    registry: CollectorRegistry | None = None,
) -> FastAPI:
    """The application on what it is handed; what is left out is there, but not connected."""
    app = FastAPI(
        title="Holdfast",
        version="1",
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # the stock page loads its script from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        routes=[*_routes()],
    )
    app.state.settings = settings
    app.state.sessions = sessions
    app.state.notices = notices or Notices(settings.database_url)
    app.state.temporal = temporal or TemporalLink()
    app.state.order_wait = OrderWait(
        sessions, app.state.notices, app.state.temporal, settings.gateway_lease_s
    )
    app.state.cards = None if stripe_client is None else StripeCards(stripe_client)
    app.state.rate_limits = RateLimits()
    app.state.certificate_status = certificate_status.StatusDesk()
    app.state.closing = asyncio.Event()
    problems.install(app)
    app.include_router(_documents(app))
    describe(app)
    app.add_middleware(
        BodySizeLimit,
        larger={
            f"{PREFIX}/tokens/import": CSV_BYTES_MAX,
            "/webhooks/": WEBHOOK_BYTES_MAX,
        },
    )
    app.add_middleware(RequestMetrics, registry=registry or CollectorRegistry())
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """The same in every application of a process: all state is the application's. FastAPI reads
    hundreds of signatures when they are first asked for, which takes most of a second."""
    routes = APIRouter()
    for router in ROUTERS:
        routes.include_router(router, prefix=PREFIX)
    routes.include_router(stripe_webhooks.router)
    routes.include_router(certificate_status.router)
    return tuple(routes.routes)


def with_pages(app: FastAPI, pages: ASGIApp | None) -> ASGIApp:
    """The API and the pages on one port."""
    return FrontDoor(app, pages)


def _documents(app: FastAPI) -> APIRouter:
    """Health, and the documentation that people read."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> Response:
        return JSONResponse({"status": "ok", "process": "api"})

    @router.get("/api/docs")
    async def docs() -> Response:
        return HTMLResponse(reference_page(app.openapi()))

    @router.get(STYLE_PATH)
    async def style() -> Response:
        return Response(STYLE, media_type="text/css")

    return router
