"""What a station holds to decide by itself: its local list, its cache, the roots of contracts."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from starlette.responses import Response

from holdfast.services import contracts, list_reads, local_lists, stations, trusted_roots
from holdfast.services.refusal import NotFound
from holdfast.services.slices import SliceAsked
from holdfast.services.station_commands import Command, command_station
from web.live_page import uuid_or_none
from web.visit import Visit, back_to

RULES = {"off": "No tokens", "own": "Tokens of an account", "all": "Every token"}
STATES = {
    "none": ("token", "calm", "No list"),
    "pending": ("restart", "wait", "Being brought up to date"),
    "current": ("check", "good", "Up to date"),
    "failed": ("alert", "bad", "The station refuses it"),
    "unsupported": ("ban", "calm", "The station has no local list"),
}
SHOWN = 20
CLEAR_VALID = timedelta(hours=1)


async def show_authorization(visit: Visit) -> Response:
    """GET /stations/{identity}/authorization"""
    organization_id = visit.viewer.organization_id
    identity = visit.request.path_params["identity"]
    station = await stations.find_station(visit.db, organization_id, identity)
    seen = await list_reads.see_list(visit.db, organization_id, identity)
    roots = await trusted_roots.list_roots(visit.db, organization_id, SliceAsked(limit=SHOWN))
    answers = await contracts.list_ocsp_answers(visit.db, organization_id, SliceAsked(limit=SHOWN))
    return visit.page(
        "station_authorization.html",
        station=station,
        seen=seen,
        row=seen.row,
        state=STATES[seen.row.state if seen.row is not None else "none"],
        rules=RULES,
        roots=roots.items,
        answers=answers.items,
    )


async def set_rule(visit: Visit) -> Response:
    """POST /stations/{identity}/authorization/rule"""
    identity = visit.request.path_params["identity"]
    await local_lists.set_rule(
        visit.db,
        visit.viewer.organization_id,
        visit.form.get("rule") or None,
        actor=visit.viewer.actor,
        now=datetime.now(UTC),
        identity=identity,
    )
    return back_to(_page(identity), "The rule is set.")


async def resync(visit: Visit) -> Response:
    """POST /stations/{identity}/authorization/resync"""
    identity = visit.request.path_params["identity"]
    await local_lists.resync(
        visit.db,
        visit.viewer.organization_id,
        identity,
        actor=visit.viewer.actor,
        now=datetime.now(UTC),
    )
    return back_to(_page(identity), "The list is sent anew.")


async def clear_cache(visit: Visit) -> Response:
    """POST /stations/{identity}/authorization/clear-cache"""
    identity = visit.request.path_params["identity"]
    await command_station(
        visit.db,
        visit.viewer.organization_id,
        identity,
        Command(kind="clear_cache", payload={}),
        actor=visit.viewer.actor,
        not_after=datetime.now(UTC) + CLEAR_VALID,
    )
    return back_to(_page(identity), "The station is ordered to clear its cache.")


async def install_root(visit: Visit) -> Response:
    """POST /stations/{identity}/authorization/roots/{id}/install"""
    identity = visit.request.path_params["identity"]
    root_id = uuid_or_none(visit.request.path_params["id"])
    if root_id is None:
        raise NotFound("trusted root", visit.request.path_params["id"])
    await trusted_roots.install_root(
        visit.db,
        visit.viewer.organization_id,
        identity,
        root_id,
        actor=visit.viewer.actor,
        now=datetime.now(UTC),
    )
    return back_to(_page(identity), "The station is ordered to trust the root.")


def _page(identity: str) -> str:
    return f"/stations/{quote(identity, safe='')}/authorization"
