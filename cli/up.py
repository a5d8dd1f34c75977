"""`holdfast up`: start everything on one machine, keep it running, end it in order."""

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from cli.child import Child, ChildFailed, ChildNotReady, how_it_ended
from cli.console import Terminal
from cli.embedded.unprivileged import NoUnprivilegedPlace
from cli.failures import CannotStart, disk_full, from_os_error
from cli.installation import (
    STOP_ORDER,
    Plan,
    Programs,
    embedded_postgres,
    embedded_temporal,
    shared_environment,
)
from cli.logs import rotate_all, tail
from cli.orphans import MARK, stop_orphans
from cli.ports import Ports, require_free
from cli.state import StateDir
from cli.summary import read_overview, summary_line
from cli.supervisor import Supervisor

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LIVE_EVERY_S = 2.0
SUMMARY_EVERY_S = 60.0
"""Without a terminal, how often the summary becomes a line."""
ROTATE_EVERY_S = 5.0
ONE_OFF_TIMEOUT_S = 300.0
DISK_FULL_WORDS = "No space left on device"


def up(
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="With a demo network and a simulated fleet.")
    ] = True,
    fleet: Annotated[
        bool, typer.Option("--fleet/--no-fleet", help="Simulate the demo network's stations.")
    ] = True,
    state_dir: Annotated[Path, typer.Option(help="Folder for databases, logs and secrets.")] = Path(
        ".holdfast"
    ),
    port_base: Annotated[
        int | None, typer.Option(help="First of a row of ports to use instead of the usual ones.")
    ] = None,
) -> None:
    """Start everything on this machine, with a demo network, until Ctrl-C.

    Postgres and Temporal are started too, unless HOLDFAST_DATABASE_URL and
    HOLDFAST_TEMPORAL_ADDRESS name others. The next `up` goes on where this one stopped.
    """
    keep_up(make_plan(state_dir, port_base, demo=demo, fleet=fleet))


def make_plan(state_dir: Path, port_base: int | None, *, demo: bool, fleet: bool = True) -> Plan:
    """What was asked for on the command line and in the environment."""
    return Plan(
        state=StateDir(state_dir),
        ports=Ports() if port_base is None else Ports.from_base(port_base),
        demo=demo,
        fleet=demo and fleet,
        database_url=os.environ.get("HOLDFAST_DATABASE_URL"),
        temporal_address=os.environ.get("HOLDFAST_TEMPORAL_ADDRESS"),
        temporal_ui_url=os.environ.get("HOLDFAST_TEMPORAL_UI_URL"),
    )


def keep_up(plan: Plan) -> None:
    """Run `plan` until asked to stop. Raises `CannotStart`, with nothing left running."""
    terminal = Terminal()
    os.umask(0o077)  # what the children write is nobody else's either
    allow_open_files()
    try:
        if not plan.state.path.exists():
            require_free(plan.listening())  # a start that is refused leaves no folder behind
        plan.state.create()
        with plan.state.locked():
            asyncio.run(Up(plan, terminal).run())
    except NoUnprivilegedPlace as error:
        raise CannotStart(str(error)) from None
    except OSError as error:
        raise from_os_error(error, plan.state.path) from None
    finally:
        terminal.close()


def allow_open_files() -> None:
    """Let the children open as many files as the system allows: each station is a socket."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class StopRequests:
    """Counts the times that we were asked to stop."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.again = asyncio.Event()
        self.now = asyncio.Event()

    def ask(self) -> None:
        """One more signal."""
        for step in (self.first, self.again, self.now):
            if not step.is_set():
                step.set()
                return

    @contextlib.contextmanager
    def from_signals(self) -> Iterator[None]:
        """Let SIGINT, SIGTERM and SIGHUP ask."""
        loop = asyncio.get_running_loop()
        # Under nohup a closed terminal is to change nothing.
        ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        numbers = [one for one in SIGNALS if not (ignored and one == signal.SIGHUP)]
        for number in numbers:
            loop.add_signal_handler(number, self.ask)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


class Up:
    """One run of `holdfast up` on a state folder that is ours."""

    def __init__(self, plan: Plan, terminal: Terminal) -> None:
        self._plan = plan
        self._state = plan.state
        self._terminal = terminal
        self._supervisor = Supervisor(STOP_ORDER, terminal.say, self._pids_changed)
        self._ready = False

    async def run(self) -> None:
        """Until asked to stop. Raises `CannotStart`, with nothing left running."""
        self._state.not_ready()
        stop = StopRequests()
        with stop.from_signals():
            await stop_orphans(self._state, STOP_ORDER, self._terminal.say)
            require_free(self._plan.listening())
            working = asyncio.create_task(self._work())
            asked = asyncio.create_task(stop.first.wait())
            try:
                await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                asked.cancel()
                working.cancel()
                outcome = (await asyncio.gather(working, return_exceptions=True))[0]
                await self._stop(stop)
        if isinstance(outcome, Exception):
            raise in_one_sentence(outcome, self._state.path) from outcome

    async def _work(self) -> None:
        await self._start()
        self._announce()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_logs_small())
            tasks.create_task(self._summarise())

    async def _start(self) -> None:
        plan, supervisor, remember = self._plan, self._supervisor, self._remember
        database_url = plan.database_url
        if not database_url:
            self._terminal.step("starting Postgres")
            postgres = embedded_postgres(plan, remember)
            await supervisor.start(postgres)
            database_url = postgres.dsn
        secrets = self._state.secrets()
        environment = shared_environment(plan, secrets, database_url)
        self._state.write_environment(environment)
        marks = {MARK: secrets.installation_id}
        programs = Programs(plan, environment | marks, remember)
        await self._run_once(programs.migration())
        if not plan.temporal_address:
            self._terminal.step("starting Temporal")
            await supervisor.start(embedded_temporal(plan, remember, marks))
        self._terminal.step("starting the Stripe simulator")
        await supervisor.start(programs.stripe_simulator())
        await self._run_once(programs.demo())
        children = [programs.gateway(), programs.api(), programs.workers()]
        if plan.fleet:
            children.append(programs.fleet())
        for child in children:
            self._terminal.step(f"starting {child.name}")
            await supervisor.start(child)

    async def _run_once(self, program: Child) -> None:
        """Run a program that ends by itself, with Ctrl-C and a failure handled like any other."""
        self._terminal.step(f"running {program.name}")
        program.spawn()
        try:
            async with asyncio.timeout(ONE_OFF_TIMEOUT_S):
                code = await program.wait()
        finally:
            await program.stop()
        if code != 0:
            raise ChildFailed(program.name, how_it_ended(code), tail(program.spec.log_path))

    def _announce(self) -> None:
        self._ready = True
        self._pids_changed()
        urls = self._plan.urls()
        self._terminal.say("Holdfast is up. Ctrl-C stops it; the next start goes on from there.")
        self._terminal.heading(
            {
                "dashboard": urls["dashboard"],
                "API docs": urls["api_docs"],
                "Temporal UI": urls.get("temporal_ui", "(of the Temporal that you named)"),
                "OCPP": f"{urls['ocpp']}{{station identity}}",
                "OCPP, TLS": f"{urls['ocpp_tls']}{{station identity}}",
                "API key": f"in {self._state.api_key_path}",
                "logs": str(self._state.logs),
            }
        )

    def _remember(self, name: str, pid: int) -> None:
        try:
            self._state.remember_child(name, pid)
        except OSError:
            # A disk that fills up later must not keep a child from being started again.
            if not self._ready:
                raise

    def _pids_changed(self) -> None:
        if self._ready:
            with contextlib.suppress(OSError):  # the same
                self._state.write_ready(self._plan.urls(), self._supervisor.pids)

    async def _keep_logs_small(self) -> None:
        while True:
            await asyncio.sleep(ROTATE_EVERY_S)
            with contextlib.suppress(OSError):  # a full disk must not end what still runs
                await asyncio.to_thread(rotate_all, self._state.logs)

    async def _summarise(self) -> None:
        said = ""
        while True:
            line = summary_line(await read_overview(self._plan.web_url, self._state.api_key_path))
            if self._terminal.is_live:
                self._terminal.show(line)
            elif line != said:
                self._terminal.say(line)
                said = line
            await asyncio.sleep(LIVE_EVERY_S if self._terminal.is_live else SUMMARY_EVERY_S)

    async def _stop(self, stop: StopRequests) -> None:
        self._ready = False
        self._state.not_ready()
        impatience = asyncio.create_task(self._explain_waiting(stop))
        try:
            await self._supervisor.stop()
        finally:
            impatience.cancel()
            await asyncio.gather(impatience, return_exceptions=True)
        self._state.forget_children()
        self._terminal.say("stopped")

    async def _explain_waiting(self, stop: StopRequests) -> None:
        await stop.again.wait()
        self._terminal.say(
            f"Already stopping: {self._supervisor.stopping or 'a child'} still finishes what it "
            "holds. Ctrl-C once more kills the rest; what was stored is safe either way."
        )
        await stop.now.wait()
        self._terminal.say("killing the rest")
        await self._supervisor.kill()


def in_one_sentence(error: Exception, state_dir: Path) -> CannotStart:
    """What went wrong at the start, for the person who typed `up`."""
    if isinstance(error, CannotStart):
        return error
    if isinstance(error, ExceptionGroup):
        return in_one_sentence(error.exceptions[0], state_dir)
    if isinstance(error, NoUnprivilegedPlace):
        return CannotStart(str(error))
    if isinstance(error, ChildFailed):
        if any(DISK_FULL_WORDS in line for line in error.last_lines):
            return disk_full(state_dir)
        log = state_dir / "logs" / f"{error.name}.log"
        last = f" Its last words: {error.last_lines[-1].strip()}" if error.last_lines else ""
        return CannotStart(f"{error}; see {log}.{last}")
    if isinstance(error, ChildNotReady):
        return CannotStart(f"{error}; see the logs in {state_dir / 'logs'}.")
    if isinstance(error, OSError):
        return from_os_error(error, state_dir)
    if isinstance(error, TimeoutError):
        return CannotStart(f"A step of the start took too long; see {state_dir / 'logs'}.")
    return CannotStart(f"Something unexpected failed: {type(error).__name__}: {error}")
