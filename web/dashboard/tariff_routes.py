"""Every page and form of tariffs, prices, publications, simulations, market prices and groups."""

from starlette.routing import BaseRoute, Route

from holdfast.http.permissions import Permission
from web.dashboard import (
    market,
    price_code,
    price_gaps,
    quote,
    receipt,
    shown_prices,
    simulation,
    simulations,
    tariff_assigning,
    tariff_decisions,
    tariff_editor,
    tariff_page,
    tariff_review,
    tariffs,
    user_groups,
)
from web.dashboard.tariff_picked import LISTED_MAX
from web.visit import FormLimits, Handler, visited

EDITOR = FormLimits(fields=6_000, field_length=200_000)
EDITOR_BODY_MAX = 1_000_000
PICKED = FormLimits(fields=1_000, field_length=LISTED_MAX)
PICKED_BODY_MAX = 500_000
DRAFT = "/tariffs/{id}/drafts/{draft}"


def tariff_routes() -> list[BaseRoute]:
    """One line per route; a form names the permission that the API asks for the same."""
    return [
        Route("/tariffs", visited(tariffs.show_tariffs), methods=["GET"]),
        Route("/tariffs/gaps", visited(price_gaps.show_gaps), methods=["GET"]),
        Route("/tariffs/quote", visited(quote.show_quote), methods=["GET"]),
        Route("/sessions/{id}/receipt", visited(receipt.show_receipt, menu=False), methods=["GET"]),
        Route(
            "/stations/{identity}/evses/{evse}/qr.svg",
            visited(price_code.show_code, menu=False),
            methods=["GET"],
        ),
        Route("/tariffs/market", visited(market.show_market), methods=["GET"]),
        Route(
            "/tariffs/market/{key}/prices",
            visited(market.show_prices, menu=False),
            methods=["GET"],
        ),
        Route("/tariffs/simulations/{id}", visited(simulation.show_simulation), methods=["GET"]),
        Route(
            "/tariffs/simulations/{id}/figures",
            visited(simulation.show_figures, menu=False),
            methods=["GET"],
        ),
        Route("/live/simulation", simulation.SIMULATION.stream, methods=["GET"]),
        Route("/tariffs/{id}/simulations", visited(simulations.show_simulations), methods=["GET"]),
        Route("/tariffs/ledger", visited(shown_prices.show_ledger), methods=["GET"]),
        Route("/tariffs/publications", visited(shown_prices.show_publications), methods=["GET"]),
        Route("/tariffs/{id}", visited(tariff_page.show_tariff), methods=["GET"]),
        Route(DRAFT, visited(tariff_review.show_draft), methods=["GET"]),
        Route(f"{DRAFT}/review", visited(tariff_review.show_review), methods=["GET"]),
        Route("/user-groups", visited(user_groups.show_groups), methods=["GET"]),
        Route("/user-groups/{id}", visited(user_groups.show_group), methods=["GET"]),
        *_editor_routes(),
        *_form_routes(),
        *_assigning_routes(),  # after "/tariffs/gaps/assign", which is no tariff's
    ]


def _editor_routes() -> list[Route]:
    """The editor posts the whole form at every step."""
    return [
        Route(
            f"{DRAFT}/{verb}",
            visited(handler, Permission.WRITE_TARIFFS, limits=EDITOR),
            methods=["POST"],
            max_body_size=EDITOR_BODY_MAX,
        )
        for verb, handler in (
            ("edit", tariff_editor.post_edit),
            ("check", tariff_editor.post_check),
        )
    ]


def _assigning_routes() -> list[Route]:
    """The page of many places, a form of hundreds of boxes that is posted to itself."""
    path, may = "/tariffs/{id}/assign", Permission.WRITE_TARIFFS
    return [
        Route(path, visited(tariff_assigning.show_assigning, may), methods=["GET"]),
        Route(
            path,
            visited(tariff_assigning.post_assigning, may, limits=PICKED),
            methods=["POST"],
            max_body_size=PICKED_BODY_MAX,
        ),
    ]


def _form_routes() -> list[Route]:
    forms: tuple[tuple[str, Handler, Permission], ...] = (
        ("/tariffs", tariffs.add_tariff, Permission.WRITE_TARIFFS),
        ("/tariffs/gaps/assign", price_gaps.assign, Permission.WRITE_TARIFFS),
        (
            "/tariffs/publications/{id}/resolve",
            shown_prices.decide,
            Permission.WRITE_TARIFFS,
        ),
        ("/tariffs/market", market.add_feed, Permission.WRITE_TARIFFS),
        ("/tariffs/market/{key}/retire", market.retire, Permission.WRITE_TARIFFS),
        ("/tariffs/simulations/{id}/cancel", simulation.cancel, Permission.WRITE_TARIFFS),
        ("/tariffs/{id}/simulations", simulations.begin, Permission.WRITE_TARIFFS),
        ("/tariffs/{id}/drafts", tariff_decisions.begin_draft, Permission.WRITE_TARIFFS),
        (f"{DRAFT}/submit", tariff_decisions.submit, Permission.WRITE_TARIFFS),
        (f"{DRAFT}/discard", tariff_decisions.discard, Permission.WRITE_TARIFFS),
        (f"{DRAFT}/approve", tariff_decisions.approve, Permission.APPROVE_TARIFFS),
        (f"{DRAFT}/send-back", tariff_decisions.send_back, Permission.APPROVE_TARIFFS),
        (
            "/tariffs/{id}/versions/{number}/end",
            tariff_decisions.end,
            Permission.WRITE_TARIFFS,
        ),
        ("/tariffs/{id}/assignments", tariff_decisions.assign, Permission.WRITE_TARIFFS),
        ("/tariffs/{id}/assignments/undo", tariff_assigning.undo, Permission.WRITE_TARIFFS),
        (
            "/tariffs/{id}/assignments/{assignment}/end",
            tariff_decisions.unassign,
            Permission.WRITE_TARIFFS,
        ),
        ("/tariffs/{id}/retire", tariff_decisions.retire, Permission.WRITE_TARIFFS),
        ("/user-groups", user_groups.add_group, Permission.WRITE_TARIFFS),
        ("/user-groups/{id}/rename", user_groups.rename, Permission.WRITE_TARIFFS),
        ("/user-groups/{id}/delete", user_groups.remove, Permission.WRITE_TARIFFS),
        ("/user-groups/{id}/members", user_groups.add_member, Permission.WRITE_DRIVERS),
        (
            "/user-groups/{id}/members/{kind}/{member}/remove",
            user_groups.remove_member,
            Permission.WRITE_DRIVERS,
        ),
    )
    return [
        Route(path, visited(handler, permission), methods=["POST"])
        for path, handler, permission in forms
    ]
