"""One visit to a page: who, with which transaction, by which form. And the desk they all share."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.http.permissions import Permission
from holdfast.services.overview import count_attention
from holdfast.services.refusal import Invalid
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from web.live import Live
from web.rendering import Pages
from web.viewer import COOKIE, Cookies, Viewer, read_viewer

FIELDS_MAX = 20
FIELD_LENGTH_MAX = 2_000
REASON_LENGTH_MAX = 500
SAID_COOKIE = "holdfast_said"
SAID_AGE_S = 30
SAID_LENGTH_MAX = 600
IN_PLACE = "x-in-place"
GO_TO = "X-Go-To"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """How much a form may hold. The route of a large one needs a `max_body_size` too."""

    fields: int = FIELDS_MAX
    field_length: int = FIELD_LENGTH_MAX


FORM = FormLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the pages of one process work with."""

    sessions: Sessions
    settings: Settings
    pages: Pages
    live: Live
    cookies: Cookies

    def temporal_url(self, workflow_id: str) -> str:
        """Where the Temporal UI shows a workflow."""
        base = self.settings.temporal_ui_url.rstrip("/")
        namespace = quote(self.settings.temporal_namespace, safe="")
        return f"{base}/namespaces/{namespace}/workflows/{quote(workflow_id, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request of a signed-in viewer, in a transaction that is committed before the answer."""

    request: Request
    desk: Desk
    db: AsyncSession
    viewer: Viewer
    form: Mapping[str, str] = field(default_factory=dict)

    def page(self, template: str, **values: object) -> Response:
        """Render a page for this viewer."""
        return self.desk.pages.page(template, values, viewer=self.viewer)

    def reason(self) -> str:
        """The reason that every decision needs. Raises Invalid where there is none."""
        reason = self.form.get("reason", "").strip()
        if not 3 <= len(reason) <= REASON_LENGTH_MAX:
            raise Invalid("reason", reason, f"say why, in 3 to {REASON_LENGTH_MAX} characters")
        return reason


Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def desk_of(request: Request) -> Desk:
    """The desk of the app that got this request."""
    desk: Desk = request.app.state.desk
    return desk


def visited(
    handler: Handler,
    permission: Permission = Permission.READ,
    *,
    menu: bool = True,
    limits: FormLimits = FORM,
) -> Endpoint:
    """A route's endpoint: signed in, allowed, and for a form with the token of this sign-in.

    `menu`: it answers with a page, whose menu counts what waits.
    """

    async def endpoint(request: Request) -> Response:
        desk = desk_of(request)
        async with desk.sessions() as db:
            viewer = await read_viewer(db, desk.cookies, request.cookies.get(COOKIE))
            if viewer is None:
                return sign_in_first(request)
            request.state.viewer = viewer
            if not viewer.may(permission):
                raise HTTPException(
                    403, f"Your key's role ({viewer.role}) does not allow this: {permission.value}."
                )
            if menu and request.method == "GET":
                waiting = await count_attention(
                    db,
                    viewer.organization_id,
                    now=desk.pages.now(),
                    reviewer=viewer.reviewer,
                )
                viewer = request.state.viewer = replace(viewer, waiting=waiting)
            form = await read_form(request, limits) if request.method == "POST" else {}
            if request.method == "POST" and not viewer.sent(form.get("form_token", "")):
                raise HTTPException(403, "This form is from another sign-in. Load the page again.")
            said = request.cookies.get(SAID_COOKIE) if menu and request.method == "GET" else None
            if said is not None:
                viewer = replace(viewer, said=unquote(said[:SAID_LENGTH_MAX]))
            visit = Visit(request=request, desk=desk, db=db, viewer=viewer, form=form)
            response = await handler(visit)
            await db.commit()
        if said is not None:
            response.delete_cookie(SAID_COOKIE, path="/", httponly=True, samesite="lax")
        return in_place(response) if IN_PLACE in request.headers else response

    return endpoint


def sign_in_first(request: Request) -> Response:
    """To the sign-in page and back; 401 where a script asks, which cannot follow."""
    if request.method != "GET" or request.headers.get("hx-request"):
        return Response("Signed out.", 401)
    path = request.url.path
    if request.url.query:
        path += f"?{request.url.query}"
    return RedirectResponse(f"/sign-in?next={quote(path, safe='')}", 303)


def back_to(path: str, said: str | None = None) -> Response:
    """After a form: see another page, so that reloading does not send it again.

    `said`: what was done, in a sentence; the next page shows it once.
    """
    response = RedirectResponse(path, 303)
    if said is not None:
        response.set_cookie(
            SAID_COOKIE,
            quote(said, safe="")[:SAID_LENGTH_MAX],
            max_age=SAID_AGE_S,
            path="/",
            httponly=True,
            samesite="lax",
        )
    return response


def in_place(response: Response) -> Response:
    """For static/forms.js, which cannot see where a redirect leads: it is told in a header."""
    target = response.headers.get("location")
    if target is None:
        return response
    answer = Response(status_code=204, headers={GO_TO: target})
    for cookie in response.headers.getlist("set-cookie"):
        answer.headers.append("set-cookie", cookie)
    return answer


async def read_form(request: Request, limits: FormLimits = FORM) -> dict[str, str]:
    """The text fields of a form, each bounded. Files are refused."""
    async with request.form(max_files=0, max_fields=limits.fields) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    if any("\0" in value for value in fields.values()):
        raise HTTPException(400, "A field of this form holds what is no text.")  # Postgres: no NUL
    if any(len(value) > limits.field_length for value in fields.values()):
        raise HTTPException(413, "A field of this form is too long.")
    return fields
