"""The table of calls in docs/reference/commands.md is what the translations do."""

from collections import defaultdict

from gateway.command_calls import PAGE, calls_of, page
from tests.gateway.order_samples import ALL, ORDERS


def test_the_page_names_the_calls_that_the_code_sends() -> None:
    """`python -m gateway.command_calls` writes it."""
    written = PAGE.read_text()

    assert written == page(written)


def test_the_calls_of_each_kind_are_those_that_its_samples_become() -> None:
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for kind, _, actions in ORDERS:
        for protocol, action in actions.items():
            seen[kind, protocol].add(action)

    told = {
        (kind, protocol): set(calls_of(kind)[protocol])
        for kind in {kind for kind, _, _ in ORDERS} - {"call"}
        for protocol in ALL
    }

    assert {key: actions for key, actions in told.items() if actions} == {
        key: actions for key, actions in seen.items() if key[0] != "call"
    }
