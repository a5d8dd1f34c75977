"""Signing in with an API key, and out again."""

import time
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.http.rate_limit import RateLimit
from holdfast.services import audit
from holdfast.services.api_keys import KEY_LENGTH_MAX, find_holder
from web.viewer import COOKIE, COOKIE_AGE_S, read_viewer
from web.visit import Visit, desk_of, read_form

NEXT_LENGTH_MAX = 500
WRONG = "This key is unknown, revoked or expired."
TOO_OFTEN = "Too many wrong keys from this address. Try again in a minute."


class Door:
    """The sign-in form, and how often strangers may try it."""

    def __init__(self) -> None:
        self._strangers = RateLimit(per_s=1, burst=30)

    async def show(self, request: Request) -> Response:
        """GET /sign-in"""
        desk = desk_of(request)
        async with desk.sessions() as db:
            viewer = await read_viewer(db, desk.cookies, request.cookies.get(COOKIE))
        if viewer is not None:
            return RedirectResponse(own_path(request.query_params.get("next")), 303)
        return self._form(request, own_path(request.query_params.get("next")), None, 200)

    async def sign_in(self, request: Request) -> Response:
        """POST /sign-in: the key is looked up once; the cookie holds its id."""
        desk = desk_of(request)
        form = await read_form(request)
        target = own_path(form.get("next"))
        address = request.client.host if request.client is not None else "unknown"
        now = time.monotonic()
        if self._strangers.wait_s(address, now, take=False):
            return self._form(request, target, TOO_OFTEN, 429)
        key = form.get("key", "").strip()
        holder = None
        async with desk.sessions() as db:
            if 1 <= len(key) <= KEY_LENGTH_MAX:
                secret_key = desk.settings.secret_key.get_secret_value()
                holder = await find_holder(db, secret_key, key)
            if holder is not None:
                await audit.record(
                    db,
                    holder.organization_id,
                    actor=f"key:{holder.key_id}",
                    action="web.sign_in",
                    subject=f"key:{holder.key_id}",
                )
                await db.commit()
        if holder is None:
            self._strangers.wait_s(address, now)
            return self._form(request, target, WRONG, 401)
        response = RedirectResponse(target, 303)
        response.set_cookie(
            COOKIE,
            desk.cookies.sign_in(holder.key_id),
            max_age=COOKIE_AGE_S,
            path="/",
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    def _form(self, request: Request, target: str, problem: str | None, status: int) -> Response:
        values = {"target": target, "problem": problem}
        pages = desk_of(request).pages
        return pages.page("sign_in.html", values, viewer=None, status_code=status)


async def sign_out(_visit: Visit) -> Response:
    """POST /sign-out"""
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


def own_path(text: str | None) -> str:
    """A path of this site to go to; anything else, another host above all, is the overview."""
    if not text or len(text) > NEXT_LENGTH_MAX or not text.isprintable() or "\\" in text:
        return "/"
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or not text.startswith("/") or text.startswith("//"):
        return "/"
    return text
