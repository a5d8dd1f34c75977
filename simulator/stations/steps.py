"""What each step of a scenario does to one station, and what `expect-…` waits for."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.stations.certificates import sign
from simulator.stations.connector import Connector
from simulator.stations.firmware import update_locally
from simulator.stations.hostile import FRAMES
from simulator.stations.messages import CallFailed, Json
from simulator.stations.scenario import Step
from simulator.stations.speech import CannotSay, say
from simulator.stations.station import ConnectorBusy, SimulatedStation, TokenRefused
from simulator.stations.tally import Tally
from simulator.stations.transaction import StopReason

POLL_S = 0.02
PATIENCE_S = 30.0
STAY_S = 12 * 3600.0
KWH_DEFAULT = 10.0
CHARGE_WAIT_S_MAX = 24 * 3600.0
_CLOCKS = {"1970": datetime(1970, 1, 1, tzinfo=UTC), "2099": datetime(2099, 1, 1, tzinfo=UTC)}
_ARMED = {
    "duplicate": "duplicate_next",
    "reorder": "hold_next_meter",
    "pipeline": "pipeline_next",
    "lose-start": "no_start",
    "lose-stop": "no_stop",
}


class StepFailed(Exception):
    """It could not be done, or what was expected did not come."""


class Steps:
    """The steps of one run; `speed` divides every duration."""

    def __init__(self, tally: Tally, speed: float) -> None:
        self._tally = tally
        self._speed = speed
        self._deeds: dict[str, Callable[[SimulatedStation, Json], Awaitable[None]]] = {
            "boot": self._boot,
            "plug": self._plug,
            "authorize": self._authorize,
            "start": self._start,
            "charge": self._charge,
            "stop": self._stop,
            "unplug": self._unplug,
            "wait": self._wait,
            "offline": self._offline,
            "disconnect": self._disconnect,
            "reboot": self._reboot,
            "lose-power": self._lose_power,
            "slow-link": self._slow_link,
            "drop-answers": self._drop_answers,
            "hostile": self._hostile,
            "clock": self._clock,
            "meter": self._meter,
            "renew-certificate": self._renew,
            "firmware": self._firmware,
            "say": self._say,
            "expect-order": self._expect_order,
            "expect-answer": self._expect_answer,
            "expect-refusal": self._expect_refusal,
            "expect-state": self._expect_state,
        }

    async def take(self, station: SimulatedStation, step: Step) -> None:
        """Do it. Raises `StepFailed`."""
        armed = _ARMED.get(step.do)
        try:
            if armed is not None:
                setattr(station.faults, armed, step.options["times"])
            else:
                await self._deeds[step.do](station, step.options)
        except (ConnectorBusy, TokenRefused, CallFailed, CannotSay) as error:
            reason = f"{type(error).__name__}: {error}"
            raise StepFailed(f"{step.where} ({step.do}) at {station.identity}: {reason}") from error
        except StepFailed as error:
            raise StepFailed(f"{step.where} ({step.do}) at {station.identity}: {error}") from error

    def real_s(self, seconds: float) -> float:
        """A duration of the file as it passes."""
        return seconds / self._speed

    # Sessions

    async def _boot(self, station: SimulatedStation, _: Json) -> None:
        station.line.boot_again()

    async def _plug(self, station: SimulatedStation, options: Json) -> None:
        await station.plug_in(options["connector"], None, **self._car(options))

    async def _authorize(self, station: SimulatedStation, options: Json) -> None:
        if not await station.is_authorized(options.get("token", station.config.tokens[0])):
            raise StepFailed("the token was refused")

    async def _start(self, station: SimulatedStation, options: Json) -> None:
        token = options.get("token", station.config.tokens[0])
        connector = self._connector(station, options)
        if connector.car is None:
            await station.plug_in(connector.number, token, **self._car(options))
            return
        if connector.transaction is not None:
            raise StepFailed("a transaction runs already")
        if not await station.is_authorized(token):
            raise StepFailed("the token was refused")
        connector.begin(token)

    async def _charge(self, station: SimulatedStation, options: Json) -> None:
        connector = self._connector(station, options)
        began_mwh = connector.register_mwh
        if "for" in options:
            await asyncio.sleep(self.real_s(options["for"]))
            return
        wanted_mwh = self._mwh(options.get("kwh", KWH_DEFAULT))

        def is_done() -> bool:
            connector.advance(datetime.now(UTC))
            return connector.register_mwh - began_mwh >= wanted_mwh or connector.car is None

        await self._until(is_done, CHARGE_WAIT_S_MAX, "the energy")

    async def _stop(self, station: SimulatedStation, options: Json) -> None:
        connector = self._connector(station, options)
        if connector.transaction is None:
            raise StepFailed("no transaction runs")
        connector.stop(StopReason.LOCAL)

    async def _unplug(self, station: SimulatedStation, options: Json) -> None:
        station.unplug(options["connector"])

    async def _wait(self, station: SimulatedStation, options: Json) -> None:
        await asyncio.sleep(self.real_s(options["for"]))

    # What goes wrong

    async def _offline(self, station: SimulatedStation, options: Json) -> None:
        station.go_offline(self.real_s(options["for"]))

    async def _disconnect(self, station: SimulatedStation, options: Json) -> None:
        await station.drop(close_frame=options["close_frame"])

    async def _reboot(self, station: SimulatedStation, options: Json) -> None:
        await station.reboot(keep=options["keep"], boot_notification=options["boot_notification"])

    async def _lose_power(self, station: SimulatedStation, options: Json) -> None:
        station.go_offline(self.real_s(options["for"]))
        await station.reboot(keep=False)

    async def _slow_link(self, station: SimulatedStation, options: Json) -> None:
        # The network does not get faster because the day is compressed: these are real seconds.
        station.weather.delay_s = options["delay"]
        station.weather.jitter_s = options["jitter"]
        station.weather.bytes_per_s = options["bytes_per_second"]
        if "for" in options:
            await asyncio.sleep(self.real_s(options["for"]))
            station.weather.delay_s = station.weather.jitter_s = station.weather.bytes_per_s = 0.0

    async def _drop_answers(self, station: SimulatedStation, options: Json) -> None:
        station.weather.drop_answers = options["times"]

    async def _hostile(self, station: SimulatedStation, options: Json) -> None:
        names = list(FRAMES) if options["frame"] == "all" else [options["frame"]]
        for number, name in enumerate(names):
            await station.line.send_raw(FRAMES[name](f"hostile-{number}"))

    async def _clock(self, station: SimulatedStation, options: Json) -> None:
        to, now = options["to"], datetime.now(UTC)
        station.faults.clock_stopped_at = now if to == "stopped" else None
        station.faults.clock_offset = _CLOCKS[to] - now if to in _CLOCKS else timedelta()

    async def _meter(self, station: SimulatedStation, options: Json) -> None:
        connector = self._connector(station, options)
        connector.advance(datetime.now(UTC))
        base_mwh = 0 if options["reset"] else connector.register_mwh
        connector.set_register(max(base_mwh + int(options["jump_kwh"] * 1_000_000), 0))

    async def _renew(self, station: SimulatedStation, _: Json) -> None:
        station.tell(sign(station, "ChargingStationCertificate"))

    async def _firmware(self, station: SimulatedStation, options: Json) -> None:
        update_locally(station, options["version"])

    async def _say(self, station: SimulatedStation, options: Json) -> None:
        message = say(station, options["action"], options.get("payload"))
        if message.action == "NotifyPeriodicEventStream":
            station.send(message)
        else:
            await station.delivery.ask(message)

    # What is expected

    async def _expect_order(self, station: SimulatedStation, options: Json) -> None:
        await self._expect(station, options, "order")

    async def _expect_answer(self, station: SimulatedStation, options: Json) -> None:
        await self._expect(station, options, "answer")

    async def _expect_refusal(self, station: SimulatedStation, options: Json) -> None:
        code = options.get("code")
        wanted = options | {"fields": {} if code is None else {"code": code}}
        await self._expect(station, wanted, "refusal")

    async def _expect(self, station: SimulatedStation, options: Json, kind: str) -> None:
        action, fields = options["action"], options.get("fields", {})
        seen: list[Json] = []

        def has_come() -> bool:
            while (found := self._tally.take(station.identity, kind, action)) is not None:
                if all(found.get(name) == value for name, value in fields.items()):
                    return True
                seen.append(found)
            return False

        shown = f" with {fields}" if fields else ""
        try:
            await self._until(has_come, options["within"], "")
        except StepFailed as error:
            other = f"; it came as {seen[-1]}"[:300] if seen else ""
            raise StepFailed(f"no {kind} {action}{shown} came{other}") from error

    async def _expect_state(self, station: SimulatedStation, options: Json) -> None:
        wanted = {name: options[name] for name in _STATES if name in options}

        def differing() -> list[str]:
            found = {name: _STATES[name](station, options["connector"]) for name in wanted}
            return [
                f"{name} is {found[name]}, not {value}"
                for name, value in wanted.items()
                if found[name] != value
            ]

        try:
            await self._until(lambda: not differing(), options["within"], "")
        except StepFailed as error:
            raise StepFailed("; ".join(differing())) from error

    async def _until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        # Not compressed below this: a back office answers in real time.
        limit_s = max(self.real_s(within_s), min(within_s, PATIENCE_S))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while True:
                    if condition():
                        return
                    await asyncio.sleep(POLL_S)
        raise StepFailed(f"{what} did not come")

    def _car(self, options: Json) -> dict[str, Any]:
        stay_s = options.get("stay", STAY_S)
        energy_mwh = self._mwh(options.get("kwh", KWH_DEFAULT))
        return {"energy_wh": max(energy_mwh // 1_000, 1), "stay_s": self.real_s(stay_s)}

    def _mwh(self, kwh: float) -> int:
        """Energy shrinks with time, so that power stays what it is."""
        return max(int(kwh * 1_000_000 / self._speed), 1)

    def _connector(self, station: SimulatedStation, options: Json) -> Connector:
        connector = station.connectors.get(options["connector"])
        if connector is None:
            raise StepFailed(f"there is no connector {options['connector']}")
        return connector


def _confirmed(station: SimulatedStation, _: int) -> bool:
    mine = station.ledger.transactions(station.identity)
    ended = [one for one in mine if one.ended_at is not None and "no_stop" not in one.faults]
    return bool(ended) and all(one.confirmed for one in ended)


def _status(station: SimulatedStation, number: int) -> str:
    connector = station.connectors.get(number)
    return "missing" if connector is None else connector.status.value


_STATES: dict[str, Callable[[SimulatedStation, int], object]] = {
    "status": _status,
    "online": lambda station, _: station.is_online,
    "queue_empty": lambda station, _: station.queue_length == 0,
    "confirmed": _confirmed,
    "answers_same": lambda station, _: station.counters["duplicate_answers_differ"] == 0,
    "firmware": lambda station, _: station.firmware,
    "has_certificate": lambda station, _: station.memory.read("own_certificate", None) is not None,
}
