"""The pages as one ASGI app, which `api` mounts at the root of its port."""

import structlog
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from holdfast.http.permissions import Permission
from holdfast.services.refusal import Conflict, Invalid, NotFound, Refusal
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from web.dashboard import (
    attention,
    authorization,
    commands,
    decisions,
    evidence,
    lists,
    message_log,
    overview,
    payment_decisions,
    power,
    quirks,
    registration,
    station_security,
    variables,
)
from web.dashboard import orders as orders_page
from web.dashboard import session as session_page
from web.dashboard import sessions as sessions_page
from web.dashboard import station as station_page
from web.dashboard import station_events as events_page
from web.dashboard import stations as stations_page
from web.dashboard.tariff_routes import tariff_routes
from web.driver.price_page import PricePage
from web.guard import Guard
from web.listening import Changes
from web.live import Live
from web.rendering import STATIC, Pages
from web.sign_in import Door, sign_out
from web.viewer import Cookies
from web.visit import Desk, Handler, desk_of, visited
from web.wording import words

log = structlog.get_logger()

FORM_SIZE_MAX = 32_768
SHOWN_LENGTH_MAX = 80
CACHED_FOR_EVER = "public, max-age=31536000, immutable"
API_PATHS = ("/api/", "/webhooks/", "/ocpi/")

TITLES = {
    401: "Signed out",
    403: "Not allowed",
    404: "Nothing here",
    405: "Not this way",
    409: "Not now",
    413: "Too large",
    422: "Not accepted",
    500: "Something went wrong",
    503: "The database cannot be reached",
}


class VersionedFiles(StaticFiles):
    """Files whose address changes with their content: cached for ever where it was asked for."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """As the framework does, with our caching."""
        response = await super().get_response(path, scope)
        if response.status_code == 200 and b"v=" in scope["query_string"]:
            response.headers["Cache-Control"] = CACHED_FOR_EVER
        else:
            response.headers["Cache-Control"] = "no-cache"
        return response


def create_web(
    *,
    sessions: Sessions,
    settings: Settings,
    changes: Changes | None = None,
    pages: Pages | None = None,
) -> Starlette:
    """The app. Its streams end with `await app.state.live.close()`, which a stop must call first.

    `changes` is the process's LISTEN connection; without it the first stream opens one.
    """
    app = Starlette(
        routes=routes(),
        middleware=[Middleware(Guard)],
        exception_handlers={
            HTTPException: show_http_error,
            Refusal: show_refusal,
            IntegrityError: show_conflict,
            OperationalError: show_outage,
            InterfaceError: show_outage,
            PoolTimeout: show_outage,
            Exception: show_failure,
        },
        max_body_size=FORM_SIZE_MAX,
    )
    app.state.live = Live(settings.database_url, changes=changes)
    app.state.desk = Desk(
        sessions=sessions,
        settings=settings,
        pages=pages or Pages(),
        live=app.state.live,
        cookies=Cookies(settings.secret_key.get_secret_value()),
    )
    return app


def routes() -> list[BaseRoute]:
    """Every page, stream and form."""
    door = Door()
    return [
        Route("/sign-in", door.show, methods=["GET"]),
        Route("/sign-in", door.sign_in, methods=["POST"]),
        Route("/sign-out", visited(sign_out), methods=["POST"]),
        Route("/p/{identity}/{evse}", PricePage().show, methods=["GET"]),
        *page_routes(),
        *form_routes(),
        *tariff_routes(),
        *(
            Route(f"/live/{page.name}", page.stream, methods=["GET"])
            for page in (
                overview.OVERVIEW,
                stations_page.STATIONS,
                station_page.STATION,
                sessions_page.SESSIONS,
                session_page.SESSION,
                message_log.MESSAGES,
                variables.VARIABLES,
                events_page.EVENTS,
                orders_page.ORDERS,
            )
        ),
        Mount("/static", app=GZipMiddleware(VersionedFiles(directory=STATIC), minimum_size=1_024)),
    ]


def page_routes() -> list[Route]:
    """Pages to read."""
    return [
        Route("/", visited(overview.show_overview)),
        Route("/stations", visited(stations_page.show_stations)),
        Route("/stations/{identity}", visited(station_page.show_station)),
        Route("/stations/{identity}/orders", visited(orders_page.show_orders)),
        Route(
            "/stations/{identity}/messages",
            visited(message_log.show_station_messages, Permission.READ_MESSAGES),
        ),
        Route(
            "/stations/{identity}/events",
            visited(events_page.show_events, Permission.READ_MESSAGES),
        ),
        Route("/stations/{identity}/variables", visited(variables.show_variables)),
        Route("/stations/{identity}/variables/{id}", visited(variables.show_variable)),
        Route("/stations/{identity}/quirks", visited(quirks.show_station_quirks)),
        Route("/stations/{identity}/security", visited(station_security.show_security)),
        Route("/stations/{identity}/authorization", visited(authorization.show_authorization)),
        Route("/stations/{identity}/meter-keys", visited(evidence.show_meter_keys)),
        Route("/sessions/{id}/signed-readings", visited(evidence.show_signed_readings)),
        Route("/sessions/{id}/signed-readings.json", visited(evidence.download_signed_readings)),
        Route("/quirks", visited(quirks.show_quirks)),
        Route("/messages", visited(message_log.show_messages, Permission.READ_MESSAGES)),
        Route("/sessions", visited(sessions_page.show_sessions)),
        Route("/sessions/{id}", visited(session_page.show_session)),
        Route("/sessions/{id}/power", visited(power.show_power, menu=False)),
        Route("/payments", visited(lists.show_payments)),
        Route("/tokens", visited(lists.show_tokens)),
        Route("/attention", visited(attention.show_attention)),
        Route("/audit", visited(lists.show_audit, Permission.READ_AUDIT)),
    ]


def form_routes() -> list[Route]:
    """Forms: each with the permission that the API asks for the same."""
    forms = (
        (
            "/stations/{identity}/commands/{command}",
            commands.post_command,
            Permission.COMMAND,
        ),
        ("/stations/{identity}/orders/{id}/cancel", orders_page.cancel, Permission.COMMAND),
        ("/stations/{identity}/variables/refresh", variables.post_refresh, Permission.COMMAND),
        ("/stations/{identity}/variables/{id}", variables.post_setting, Permission.COMMAND),
        ("/stations/{identity}/monitors/refresh", variables.post_monitors, Permission.COMMAND),
        (
            "/stations/{identity}/registration",
            registration.decide_registration,
            Permission.WRITE_NETWORK,
        ),
        (
            "/payments/{id}/decide",
            payment_decisions.decide_payment,
            Permission.DECIDE_PAYMENTS,
        ),
        *security_forms(),
        *authorization_forms(),
        ("/quirks", quirks.add_rule, Permission.WRITE_NETWORK),
        (
            "/quirks/shipped/{name}/disable",
            quirks.switch_off_shipped,
            Permission.WRITE_NETWORK,
        ),
        ("/quirks/{id}/{decision}", quirks.decide_rule, Permission.WRITE_NETWORK),
        ("/stations/{identity}/meter-keys", evidence.add_key, Permission.WRITE_NETWORK),
        (
            "/stations/{identity}/meter-keys/{id}/{decision}",
            evidence.decide_key,
            Permission.WRITE_NETWORK,
        ),
        ("/sessions/{id}/signed-readings/verify", evidence.verify, Permission.DECIDE_SESSIONS),
        ("/sessions/{id}/stop", decisions.stop, Permission.COMMAND),
        ("/sessions/{id}/force-end", decisions.force_end, Permission.DECIDE_SESSIONS),
        ("/sessions/{id}/waive", decisions.waive, Permission.DECIDE_SESSIONS),
        ("/sessions/{id}/resolve", decisions.resolve, Permission.DECIDE_SESSIONS),
        (
            "/attention/quarantine/{id}/{decision}",
            attention.decide_quarantined,
            Permission.DECIDE_FACTS,
        ),
        ("/attention/late-facts/{id}/{decision}", attention.decide_late, Permission.DECIDE_FACTS),
        ("/attention/outbox/{id}/{decision}", attention.decide_parked, Permission.DECIDE_FACTS),
        (
            "/attention/review-tasks/{id}/{decision}",
            attention.decide_review,
            Permission.DECIDE_SESSIONS,
        ),
    )
    return [
        Route(path, visited(handler, permission), methods=["POST"])
        for path, handler, permission in forms
    ]


def authorization_forms() -> tuple[tuple[str, Handler, Permission], ...]:
    """Forms of the page of what a station decides by itself."""
    forms = (
        ("rule", authorization.set_rule, Permission.WRITE_NETWORK),
        ("resync", authorization.resync, Permission.COMMAND),
        ("roots/{id}/install", authorization.install_root, Permission.COMMAND),
        ("clear-cache", authorization.clear_cache, Permission.COMMAND),
    )
    return tuple(
        (f"/stations/{{identity}}/authorization/{path}", handler, permission)
        for path, handler, permission in forms
    )


def security_forms() -> tuple[tuple[str, Handler, Permission], ...]:
    """Forms of a station's security page."""
    forms: tuple[tuple[str, Handler], ...] = (
        ("profile", station_security.set_profile),
        ("block", station_security.set_blocked),
        ("password", station_security.rotate_password),
        ("certificate", station_security.ask_certificate),
        ("requests/{id}/{decision}", station_security.decide_request),
        ("certificates/{id}/revoke", station_security.revoke_certificate),
        ("network", station_security.change_network),
    )
    return tuple(
        (f"/stations/{{identity}}/security/{path}", handler, Permission.WRITE_NETWORK)
        for path, handler in forms
    )


async def show_http_error(request: Request, error: Exception) -> Response:
    """404 and its like, as a page; as JSON where no person asked."""
    if not isinstance(error, HTTPException):
        raise error
    if request.url.path.startswith(API_PATHS):
        return JSONResponse(
            {"type": "about:blank", "title": error.detail, "status": error.status_code},
            status_code=error.status_code,
            media_type="application/problem+json",
        )
    detail = error.detail
    if error.status_code == 404:
        detail = "There is no page at this address, or it belongs to another organization."
    return _problem(request, error.status_code, detail)


async def show_refusal(request: Request, error: Exception) -> Response:
    """What a use case refused, in its own words."""
    status = 404 if isinstance(error, NotFound) else 409 if isinstance(error, Conflict) else 422
    if isinstance(error, Invalid):
        value = str(error.value)[:SHOWN_LENGTH_MAX]
        said = f"is {value!r}" if value else "is empty"
        return _problem(request, status, f"{words(error.field)} {said}: {error.expected}.")
    text = str(error)
    return _problem(request, status, text[:1].upper() + text[1:] + ".")


async def show_conflict(request: Request, _error: Exception) -> Response:
    """Two people wrote at once: the database kept the first."""
    return _problem(request, 409, "Somebody else changed it at the same moment. Look again.")


async def show_outage(request: Request, error: Exception) -> Response:
    """Postgres is away; nothing was changed."""
    log.warning("a page could not reach the database", kind=type(error).__name__)
    return _problem(
        request, 503, "Stations are not affected by this page. Try again in a few seconds."
    )


async def show_failure(request: Request, _error: Exception) -> Response:
    """A bug of ours; the server logs it."""
    return _problem(request, 500, "It was logged. Nothing of your last step was saved.")


def _problem(request: Request, status: int, detail: str) -> Response:
    viewer = getattr(request.state, "viewer", None)
    values = {"title": TITLES.get(status, "Not possible"), "status": status, "detail": detail}
    return desk_of(request).pages.page("problem.html", values, viewer=viewer, status_code=status)
