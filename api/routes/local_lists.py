"""Local authorization lists: who gets one, and how each station's is doing."""

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter

from api.routes.fields import Identity, Input, Output
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Commander, NetworkWriter, Reader
from holdfast.services import list_reads, local_lists

router = APIRouter(tags=["local lists"], route_class=IdempotentRoute)

Rule = Literal["off", "own", "all"]


class RuleWanted(Input):
    """`own`: tokens of an account; `all`: every token; `off`: none. Null takes the rule away, so
    that the next wider one counts: the site's, the organization's, or off."""

    rule: Rule | None


class ListRuleShown(Output):
    """Without site and station: for every station of the organization."""

    site: UUID | None
    station: str | None
    rule: str


class ListShown(Output):
    """`version_confirmed` is what the station took last; `version_reported` what it said when it
    was asked. `rule` is the one that counts here, the station's own or a wider one."""

    station: str
    rule: str
    state: str
    entries: int
    wanted: int
    left_out: int
    version_confirmed: int
    version_reported: int | None
    reported_at: datetime | None
    last_result: str | None
    last_result_at: datetime | None
    failures: int
    order: UUID | None


@router.get("/local-lists")
async def list_local_lists(db: Db, reader: Reader, asked: Asked) -> Page[ListShown]:
    """Every station that has, had or should have a list."""
    rows = await list_reads.list_lists(db, reader.organization_id, asked)
    return page(rows, to_list)


@router.get("/local-list-rules")
async def list_rules(db: Db, reader: Reader) -> list[ListRuleShown]:
    """All rules; without one the list is off."""
    found = await list_reads.list_rules(db, reader.organization_id)
    return [ListRuleShown(site=one.site_id, station=one.station, rule=one.rule) for one in found]


@router.put("/local-list-rules", status_code=204)
async def set_rule(wanted: RuleWanted, db: Db, writer: NetworkWriter) -> None:
    """For all stations of the organization."""
    await local_lists.set_rule(
        db, writer.organization_id, wanted.rule, actor=writer.actor, now=datetime.now(UTC)
    )


@router.put("/sites/{site_id}/local-list", status_code=204)
async def set_site_rule(site_id: UUID, wanted: RuleWanted, db: Db, writer: NetworkWriter) -> None:
    """For the stations of a site."""
    await local_lists.set_rule(
        db,
        writer.organization_id,
        wanted.rule,
        actor=writer.actor,
        now=datetime.now(UTC),
        site_id=site_id,
    )


@router.get("/stations/{identity}/local-list")
async def read_local_list(identity: Identity, db: Db, reader: Reader) -> ListShown:
    """A station's list; without one its state is `none`."""
    return to_list(await list_reads.see_list(db, reader.organization_id, identity))


@router.put("/stations/{identity}/local-list", status_code=204)
async def set_station_rule(
    identity: Identity, wanted: RuleWanted, db: Db, writer: NetworkWriter
) -> None:
    """For one station, whatever its site says."""
    await local_lists.set_rule(
        db,
        writer.organization_id,
        wanted.rule,
        actor=writer.actor,
        now=datetime.now(UTC),
        identity=identity,
    )


@router.post("/stations/{identity}/local-list/resync", status_code=202)
async def resync(identity: Identity, db: Db, commander: Commander) -> ListShown:
    """Send the whole list anew, also to a station that refused before."""
    await local_lists.resync(
        db, commander.organization_id, identity, actor=commander.actor, now=datetime.now(UTC)
    )
    return to_list(await list_reads.see_list(db, commander.organization_id, identity))


def to_list(seen: list_reads.SeenList) -> ListShown:
    """The list in this API's words."""
    row = seen.row
    if row is None:
        return ListShown(
            station=seen.station, rule=seen.rule, state="none", entries=0, wanted=0, left_out=0,
            version_confirmed=0, version_reported=None, reported_at=None, last_result=None,
            last_result_at=None, failures=0, order=None,
        )  # fmt: skip
    return ListShown(
        station=seen.station,
        rule=seen.rule,
        state=row.state,
        entries=seen.entries,
        wanted=row.wanted_count,
        left_out=row.left_out_count,
        version_confirmed=row.confirmed_version,
        version_reported=row.reported_version,
        reported_at=row.reported_at,
        last_result=row.last_result,
        last_result_at=row.last_result_at,
        failures=row.failures,
        order=row.order_id,
    )
