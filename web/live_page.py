"""A page whose facts are live: the same read and the same fragment for first render and stream."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from holdfast.http.permissions import Permission
from web.viewer import COOKIE, Viewer, read_viewer
from web.visit import Desk, Visit, desk_of

PARAMETER_LENGTH_MAX = 100

PARTIAL = '<hx-partial hx-target="#{}" hx-swap="innerMorph">{}</hx-partial>'


class Filter(Hashable, Protocol):
    """What is asked of a page; two viewers with equal filters share a feed."""

    def parameters(self) -> Mapping[str, str]:
        """As the query of its URL."""


Asked = TypeVar("Asked", bound=Filter)

ParseFilter = Callable[[Viewer, Mapping[str, str]], Asked]
ReadView = Callable[[Desk, AsyncSession, UUID, Asked], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePage(Generic[Asked]):
    """`template` is included by the page inside `#live`; `topics` are those of the channel.

    `more` is a second part, inside `#live-more`, for a page with forms between the two: nothing
    may be replaced under what somebody fills in.
    `parse` also takes what the viewer's role may see, so that a feed never shows more than that.
    `read` raises NotFound where there is nothing of that name.
    """

    name: str
    topics: frozenset[str]
    template: str
    parse: ParseFilter[Asked]
    read: ReadView[Asked]
    permission: Permission = Permission.READ
    more: str | None = None

    def stream_url(self, asked: Asked) -> str:
        """Where the page's stream is."""
        query = urlencode(asked.parameters())
        return f"/live/{self.name}" + (f"?{query}" if query else "")

    async def show(self, visit: Visit, template: str, **values: object) -> Response:
        """The whole page."""
        asked = self.parse(visit.viewer, bounded(visit.request.query_params))
        return await self.show_asked(visit, template, asked, **values)

    async def show_asked(
        self, visit: Visit, template: str, asked: Asked, **values: object
    ) -> Response:
        """The whole page, of a filter that the route made."""
        view = await self.read(visit.desk, visit.db, visit.viewer.organization_id, asked)
        return visit.page(
            template,
            view=view,
            asked=asked,
            fragment=self.template,
            more=self.more,
            stream_url=self.stream_url(asked),
            **values,
        )

    async def stream(self, request: Request) -> Response:
        """The page's event stream."""
        desk = desk_of(request)
        cookie = request.cookies.get(COOKIE)
        async with desk.sessions() as db:
            viewer = await read_viewer(db, desk.cookies, cookie)
        if viewer is None or not viewer.may(self.permission):
            return Response("Signed out.", 401)
        organization_id, role = viewer.organization_id, viewer.role
        asked = self.parse(viewer, bounded(request.query_params))

        async def read() -> str:
            async with desk.sessions() as db:
                view = await self.read(desk, db, organization_id, asked)
            parts = {"live": self.template, "live-more": self.more}
            return "".join(
                PARTIAL.format(target, desk.pages.fragment(part, {"view": view}))
                for target, part in parts.items()
                if part is not None
            )

        async def still_allowed() -> bool:
            async with desk.sessions() as db:
                seen = await read_viewer(db, desk.cookies, cookie)
            return seen is not None and seen.role == role

        frames = desk.live.stream(
            (self.name, organization_id, asked), self.topics, read, still_allowed
        )
        return StreamingResponse(
            frames,
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )


def bounded(parameters: Mapping[str, str]) -> dict[str, str]:
    """Trimmed, and without what is empty or longer than any real value, or not text."""
    return {
        name: value.strip()
        for name, value in parameters.items()
        if value.strip() and len(value) <= PARAMETER_LENGTH_MAX and value.isprintable()
    }


def uuid_or_none(text: str | None) -> UUID | None:
    """A UUID of a query; a bad one filters nothing."""
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None


def count_or(text: str | None, default: int, most: int) -> int:
    """A whole number of a query from 1 to `most`."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return default
    return min(max(int(text), 1), most)
