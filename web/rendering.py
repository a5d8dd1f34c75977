"""Templates: one strict Jinja environment, and the frame that every page stands in."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.responses import HTMLResponse

from holdfast.http.permissions import Permission
from web import sentences, wording
from web.viewer import Viewer

ROOM = Path(__file__).parent
STATIC = ROOM / "static"
TEMPLATES = ROOM / "templates"
# After a dot or comma, and before a word inside a CamelCase name.
BREAKS = re.compile(r"(?<=[.,])|(?<=[a-z])(?=[A-Z][a-z])")


@lru_cache(maxsize=64)
def static_url(name: str) -> str:
    """The address of a static file, which changes with its content: it may be cached for ever."""
    digest = blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()
    return f"/static/{name}?v={digest}"


def segment(text: object) -> str:
    """Quoted for one segment of a path: an identity may hold what a URL may not."""
    return quote(str(text), safe="")


def breakable(text: object) -> Markup:
    """A long name that may break after its dots and commas and between its words."""
    pieces = BREAKS.split(str(text))
    return Markup("<wbr>").join(pieces)


def utc_now() -> datetime:
    """The clock that pages go by."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders whole pages and fragments. `now` can be handed in by tests."""

    now: Callable[[], datetime] = utc_now
    environment: Environment = field(default_factory=lambda: _environment())

    def page(
        self,
        template: str,
        values: Mapping[str, object],
        *,
        viewer: Viewer | None,
        status_code: int = 200,
    ) -> HTMLResponse:
        """A page in its frame."""
        text = self.environment.get_template(template).render(
            viewer=viewer, now=self.now(), **values
        )
        return HTMLResponse(text, status_code=status_code)

    def fragment(self, template: str, values: Mapping[str, object]) -> str:
        """The part that the page itself includes, alone: what a stream sends."""
        return self.environment.get_template(template).render(now=self.now(), **values)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # an upgrade in place must not mix new templates with old views
    )
    environment.filters.update(
        ago=wording.ago,
        attention=sentences.attention,
        duration=wording.duration,
        energy=wording.energy,
        exact_energy=wording.exact_energy,
        register=wording.register,
        exact=wording.exact,
        grouped=wording.grouped,
        local=wording.local,
        dated=wording.dated,
        money=wording.money,
        power=wording.power,
        words=wording.words,
        segment=segment,
        breakable=breakable,
        stop_reason=sentences.stop_reason,
    )
    environment.globals.update(
        static_url=static_url,
        Permission=Permission,
        ONLINE=wording.ONLINE,
        OFFLINE=wording.OFFLINE,
        RETIRED=wording.RETIRED,
    )
    return environment
