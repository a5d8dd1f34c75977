"""A whole installation for a test: `holdfast up` as a user runs it, and a fleet of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from cli.ports import free_port
from tests.ports import free_row

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 90.0


async def eventually(
    wanted: Callable[[], Awaitable[Any]], *, within_s: float, what: str, every_s: float = 0.5
) -> Any:
    """Ask until the answer is true; errors of the wire count as "not yet"."""
    deadline = asyncio.get_running_loop().time() + within_s
    last: object = None
    while asyncio.get_running_loop().time() < deadline:
        try:
            last = await wanted()
        except (httpx.HTTPError, OSError, ValueError) as error:
            last = repr(error)
        else:
            if last:
                return last
        await asyncio.sleep(every_s)
    raise AssertionError(f"{what}: not within {within_s:g} s; last: {last}")


@dataclass
class Installation:
    """A running `up`, its folder, and clients of its API and of its Stripe simulator."""

    state_dir: Path
    up: subprocess.Popen[bytes]
    environment: dict[str, str]

    def ready(self) -> dict[str, Any]:
        """URLs and process ids by name, as `up` wrote them."""
        content: dict[str, Any] = json.loads((self.state_dir / "ready.json").read_text())
        return content

    def pid(self, name: str) -> int:
        """The process that runs under this name now."""
        children = json.loads((self.state_dir / "children.json").read_text())
        return int(children[name]["pid"])

    def kill(self, name: str) -> None:
        """kill -9, its own children included: what a crash of the machine would leave."""
        process = psutil.Process(self.pid(name))
        family = [*process.children(recursive=True), process]
        for member in family:
            try:
                member.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue

    def api(self) -> httpx.AsyncClient:
        """A client with the administrator's key."""
        key = (self.state_dir / "api-key").read_text().strip()
        return httpx.AsyncClient(
            base_url=self.ready()["urls"]["api"],
            headers={"Authorization": f"Bearer {key}"},
            timeout=20,
        )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `holdfast …` against this installation."""
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "cli.main", *arguments, "--state-dir", str(self.state_dir)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def logs(self, lines: int = 30) -> str:
        """The end of every log, for a failed assertion."""
        parts = []
        for path in sorted((self.state_dir / "logs").glob("*.log")):
            tail = path.read_text(errors="replace").splitlines()[-lines:]
            parts.append(f"--- {path.name}\n" + "\n".join(tail))
        return "\n".join(parts)


def own_environment(settings: dict[str, str]) -> dict[str, str]:
    """Ours, without the HOLDFAST_* of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}


@asynccontextmanager
async def installed(
    state_dir: Path, *arguments: str, settings: dict[str, str] | None = None
) -> AsyncIterator[Installation]:
    """`holdfast up` in a process of its own, until it is ready; stopped as Ctrl-C would."""
    environment = own_environment(settings or {})
    process = started(
        ["cli.main", "up", "--state-dir", str(state_dir), "--port-base", str(free_row())],
        [*arguments],
        environment,
        state_dir / "up.out",
    )
    installation = Installation(state_dir, process, environment)

    async def is_ready() -> bool:
        if process.poll() is not None:
            text = (state_dir / "up.out").read_text(errors="replace")
            raise AssertionError(f"`up` ended with {process.returncode}: {text[-3000:]}")
        return (state_dir / "ready.json").exists()

    try:
        await eventually(is_ready, within_s=START_TIMEOUT_S, what="`up` is ready")
        yield installation
    finally:
        process.send_signal(signal.SIGINT)
        try:
            await asyncio.to_thread(process.wait, STOP_TIMEOUT_S)
        finally:
            if process.poll() is None:
                process.kill()


def started(
    module: list[str], arguments: list[str], environment: dict[str, str], output: Path
) -> subprocess.Popen[bytes]:
    """`python -m …` in a session of its own, its output in a file."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("ab") as file:
        return subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", *module, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@asynccontextmanager
async def running_fleet(
    installation: Installation, fleet: dict[str, Any], *, seed: int, acceleration: float
) -> AsyncIterator[httpx.AsyncClient]:
    """A simulated fleet without drivers of its own; yields a client of its control port."""
    folder = installation.state_dir / "test-fleet"
    port = free_port()
    process = started(
        ["simulator.stations"],
        [
            *("--url", installation.ready()["urls"]["ocpp"].rstrip("/") + "/{identity}"),
            *("--fleet", str(write_fleet(folder, fleet)), "--state-dir", str(folder / "state")),
            *("--seed", str(seed), "--acceleration", str(acceleration)),
            *("--control-port", str(port), "--no-drivers"),
            *("--meter-interval", "1", "--reconnect-max", "2", "--call-timeout", "5"),
        ],
        own_environment({}),
        installation.state_dir / "logs" / "test-fleet.log",
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=200) as client:

            async def answers() -> bool:
                return (await client.get("/fleet")).status_code == 200

            await eventually(answers, within_s=120, what="the fleet's control port answers")
            yield client
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 20)
        finally:
            if process.poll() is None:
                process.kill()


def write_fleet(folder: Path, fleet: dict[str, Any]) -> Path:
    """The fleet file that the simulator reads."""
    folder.mkdir(exist_ok=True)
    path = folder / "fleet.json"
    path.write_text(json.dumps(fleet))
    return path
