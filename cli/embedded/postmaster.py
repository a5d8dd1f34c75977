"""Finds and ends what an earlier run of the same cluster left behind.

A killed postmaster leaves its lock file and, for a moment, backends that keep the shared memory; a
killed `up` leaves a living postmaster. Postgres itself refuses to start when the process id in the
lock file was given to anybody else since, which happens all the time in containers.
"""

import signal
from pathlib import Path

import psutil

GRACE_S = 15.0
BACKENDS_GRACE_S = 2.0


def clear_the_way(data_dir: Path) -> None:
    """Stop every process of the cluster and remove a stale lock file. Blocks for some seconds."""
    # Resolved, because the kernel reports a backend's folder without symbolic links.
    folder = data_dir.resolve()
    if not folder.exists():
        return
    postmaster = left_postmaster(folder)
    if postmaster:
        end([postmaster], signal.SIGINT, GRACE_S)
    left = processes_in(folder)
    if left:
        # Without their postmaster they end by themselves as soon as they look up.
        end(left, None, BACKENDS_GRACE_S)
    (folder / "postmaster.pid").unlink(missing_ok=True)


def left_postmaster(data_dir: Path) -> psutil.Process | None:
    """The living postmaster of the cluster, if its lock file names one."""
    try:
        first_line = (data_dir / "postmaster.pid").read_text().splitlines()[0]
        process = psutil.Process(int(first_line))
        command = process.cmdline()
    except (OSError, IndexError, ValueError, psutil.Error):
        return None
    # Any other process may have the number by now; only ours has this folder on its command line.
    return process if "-D" in command and str(data_dir) in map(resolved, command) else None


def resolved(argument: str) -> str:
    """An argument as a path without symbolic links, if it is one."""
    return str(Path(argument).resolve()) if argument.startswith("/") else argument


def processes_in(data_dir: Path) -> list[psutil.Process]:
    """All Postgres processes that work in the cluster's folder, as far as we may see."""
    return [
        process
        for process in psutil.process_iter(["name", "cwd"])
        if process.info["name"] == "postgres" and process.info["cwd"] == str(data_dir)
    ]


def end(processes: list[psutil.Process], by: signal.Signals | None, grace_s: float) -> None:
    """Signal the processes if `by` is given, wait, and kill those that are still there."""
    for process in processes:
        if by is not None:
            send(process, by)
    _, alive = psutil.wait_procs(processes, timeout=grace_s)
    for process in alive:
        send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=grace_s)


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal to a process that may just have ended (psutil compares start times)."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
