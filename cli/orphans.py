"""Ends what an `up` that was killed left running.

They are stopped rather than taken over: their settings may be those of an older version, and a
drained gateway loses nothing. A process counts as ours by id and start time together, or, for the
instant between its start and our note of it, by the installation's mark in its environment.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence

import psutil

from cli.state import ChildRecord, StateDir

MARK = "HOLDFAST_INSTALLATION"
STOP_WITHIN_S = 20.0
CLOCK_TOLERANCE_S = 0.05
"""psutil rounds start times to the kernel's ticks of 10 ms."""


def recorded_process(record: ChildRecord) -> psutil.Process | None:
    """The process of a record if it still runs and is the same one."""
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.started_at_s) < CLOCK_TOLERANCE_S
        alive = process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if same and alive else None


def marked_processes(installation_id: str) -> list[psutil.Process]:
    """Processes that were started for this installation, as far as we may see."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get(MARK) == installation_id
        except (psutil.Error, OSError):
            continue
        if marked and process.pid != os.getpid():
            found.append(process)
    return found


async def stop_orphans(state: StateDir, order: Sequence[str], say: Callable[[str], None]) -> None:
    """Stop the children of an earlier `up` that still run, by `order` and then all others."""
    place = {name: number for number, name in enumerate(order)}
    records = sorted(state.children().items(), key=lambda item: place.get(item[0], -1))
    for name, record in records:
        process = recorded_process(record)
        if process:
            say(f"stopping {name}, left behind by an earlier run (process {process.pid})")
            fast = signal.SIGINT if name == "postgres" else signal.SIGTERM
            await stop_process(process, fast)
    for process in marked_processes(state.secrets().installation_id):
        say(f"stopping process {process.pid}, left behind by an earlier run")
        await stop_process(process, signal.SIGTERM)
    state.forget_children()


async def stop_process(process: psutil.Process, by: signal.Signals) -> None:
    """Ask a process that is not our child to end, then kill its group."""
    try:
        group = os.getpgid(process.pid)
        process.send_signal(by)
        deadline = time.monotonic() + STOP_WITHIN_S
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.05)
        # Children lead groups of their own; anything else would be a stranger's group.
        if group == process.pid:
            os.killpg(group, signal.SIGKILL)
        elif process.is_running():
            process.kill()
    except (psutil.NoSuchProcess, ProcessLookupError):
        return
