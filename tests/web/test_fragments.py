"""What a live page sends again and again is drawn from its view alone."""

import pytest
from jinja2 import meta, nodes
from starlette.routing import Route

from web.app import routes
from web.live_page import LivePage
from web.rendering import TEMPLATES, Pages

# A stream hands these to a fragment (LivePage.stream); whoever looks, and what was asked of the
# page, it does not know.
GIVEN = {"view", "now"}


def live_templates() -> list[str]:
    """The templates of every stream that the app has."""
    pages = [
        page
        for route in routes()
        if isinstance(route, Route)
        and isinstance(page := getattr(route.endpoint, "__self__", None), LivePage)
    ]
    return sorted({part for page in pages for part in (page.template, page.more) if part})


def test_every_stream_of_the_app_is_found() -> None:
    assert "fragments/station_events.html" in live_templates()
    assert len(live_templates()) >= 8


@pytest.mark.parametrize("template", live_templates())
def test_a_live_fragment_asks_for_nothing_that_a_stream_does_not_have(template: str) -> None:
    environment = Pages().environment
    parsed = environment.parse((TEMPLATES / template).read_text())

    own = {name.name for name in parsed.find_all(nodes.Name) if name.ctx == "store"}
    wanted = meta.find_undeclared_variables(parsed) - environment.globals.keys() - own

    assert wanted <= GIVEN
