"""The one-line summary of a running installation, read from its own API like any client would."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

TIMEOUT_S = 5.0
MINOR_DIGITS_OTHER = {"JPY": 0, "KRW": 0, "ISK": 0, "CLP": 0, "BHD": 3, "KWD": 3, "TND": 3}
"""ISO 4217 currencies without two decimals that we show; all others have two."""


async def read_overview(base_url: str, api_key_path: Path) -> dict[str, Any] | None:
    """GET /api/v1/overview, or None while there is no answer."""
    try:
        key = (await asyncio.to_thread(api_key_path.read_text)).strip()
        async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client:
            response = await client.get(
                f"{base_url}/api/v1/overview", headers={"Authorization": f"Bearer {key}"}
            )
            response.raise_for_status()
            overview = response.json()
    except (OSError, ValueError, httpx.HTTPError):
        return None
    return overview if isinstance(overview, dict) else None


def money(amount_minor: int, currency: str) -> str:
    """An amount in words of its currency: `12.34 EUR`."""
    digits = MINOR_DIGITS_OTHER.get(currency, 2)
    whole, rest = divmod(abs(amount_minor), 10**digits)
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{whole:,}{f'.{rest:0{digits}d}' if digits else ''} {currency}"


def energy(energy_wh: int) -> str:
    """Energy in kWh with one decimal, cut off."""
    return f"{energy_wh // 1000:,}.{energy_wh % 1000 // 100} kWh"


def summary_line(overview: Mapping[str, Any] | None) -> str:
    """Stations online, sessions active, energy, captured money, and what waits for a person.

    `overview` has `stations_online`, `stations`, `sessions_active`, `energy_wh`, `attention` and
    `captured`, a list of `{"currency", "amount_minor"}`.
    """
    if overview is None:
        return "waiting for the API to answer"
    try:
        return known_line(overview)
    except (AttributeError, KeyError, TypeError, ValueError):
        return "the API answers, but not with an overview"


def known_line(overview: Mapping[str, Any]) -> str:
    """The line for an overview of the expected shape."""
    captured = [
        money(int(one["amount_minor"]), str(one["currency"]))
        for one in overview.get("captured", [])
    ]
    waiting = int(overview.get("attention", 0))
    return " · ".join(
        [
            f"{overview.get('stations_online', 0)}/{overview.get('stations', 0)} stations online",
            f"{overview.get('sessions_active', 0)} sessions active",
            energy(int(overview.get("energy_wh", 0))),
            f"{' + '.join(captured) or 'nothing'} captured",
            *([f"{waiting} waiting for a person"] if waiting else []),
        ]
    )
