"""Drivers without an account: a hold on a card, a remote start, and a change of mind.

Everything here goes through the API, which is killed meanwhile: a request that fails is made again
later under the same Idempotency-Key.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import httpx

HOLD_MINOR = 5_000
ANSWERED = (200, 201, 202)


@dataclass
class AdHocDrivers:
    """Holds and what they were used for; every choice comes from the seed."""

    api: httpx.AsyncClient
    places: list[tuple[str, int]]  # station, EVSE
    chance: random.Random
    asked: int = 0
    holds: list[str] = field(default_factory=list)  # not used yet
    started: list[str] = field(default_factory=list)  # sessions
    waived: list[str] = field(default_factory=list)

    async def post(self, path: str, key: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The answer, or None where nobody answered or it was refused."""
        try:
            answer = await self.api.post(path, json=body, headers={"Idempotency-Key": key})
        except httpx.HTTPError:
            return None
        if answer.status_code not in ANSWERED:
            assert answer.status_code in (409, 429, 500, 503), answer.text
            return None
        content: dict[str, Any] = answer.json()
        return content

    async def ask_hold(self) -> None:
        """Money for one more session, if there is room for it."""
        if self.asked >= len(self.places):
            return
        body = {"currency": "EUR", "amount_minor": HOLD_MINOR, "payment_method": "pm_card_visa"}
        made = await self.post("/payments", f"hold-{self.asked}", body)
        if made is not None:
            self.holds.append(made["id"])
            self.asked += 1

    async def start_sessions(self) -> None:
        """Each hold that is held starts a session at a place of its own."""
        for hold in list(self.holds):
            try:
                payment = (await self.api.get(f"/payments/{hold}")).json()
            except (httpx.HTTPError, ValueError):
                continue
            if payment.get("state") != "held":
                continue
            station, evse = self.places[len(self.started)]
            order = await self.post(
                f"/stations/{station}/commands/start?wait=0",
                f"start-{hold}",
                {"evse": evse, "payment": hold},
            )
            if order is not None:
                self.holds.remove(hold)
                self.started.append(order["session"])

    async def waive_one(self) -> None:
        """Somebody with a heart at the help desk."""
        if self.started and len(self.waived) < 2:
            session = self.chance.choice(self.started)
            body = {"reason": "the driver was stranded"}
            if await self.post(f"/sessions/{session}/waive", f"waive-{session}", body) is not None:
                self.waived.append(session)

    async def go_on(self) -> None:
        """One step of all of it."""
        await self.ask_hold()
        await self.start_sessions()
        await self.waive_one()
