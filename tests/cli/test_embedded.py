"""The real servers: they start, survive being killed, keep what they were told, and end."""

import asyncio
import os
import shutil
import signal
import socket
import stat
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from cli.embedded import unprivileged
from cli.embedded.databases import create_database, drop_database
from cli.embedded.postgres import EmbeddedPostgres, programs
from cli.embedded.temporal import (
    NAMESPACE,
    SEARCH_ATTRIBUTES,
    EmbeddedTemporal,
    TemporalPorts,
)
from cli.ports import is_free

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has this to solve")


@pytest.fixture
async def durable(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A cluster with the settings of `up`, with a space in its path."""
    postgres = EmbeddedPostgres(tmp_path / "my data" / "postgres")
    yield postgres
    await postgres.stop()


async def scalar(url: str, query: str) -> object:
    """The first value of a query's first row."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(query.encode())
        row = await cursor.fetchone()
    return row[0] if row else None


async def test_the_cluster_demands_its_password(cluster: EmbeddedPostgres) -> None:
    password = cluster.password_path.read_text().strip()

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await scalar(cluster.dsn.replace(password, "wrong"), "SELECT 1")

    assert stat.S_IMODE(cluster.password_path.stat().st_mode) == 0o600


async def test_the_cluster_listens_on_loopback_tcp_and_nowhere_else(
    cluster: EmbeddedPostgres,
) -> None:
    assert await scalar(cluster.dsn, "SHOW unix_socket_directories") == ""
    assert cluster.pid is not None
    listening = {
        connection.laddr[0]
        for connection in psutil.Process(cluster.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


async def test_our_role_is_no_superuser_and_may_make_databases(cluster: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await scalar(cluster.dsn, "SELECT pg_read_file('/etc/hostname')")

    template = await create_database(cluster.dsn, "a_template")
    async with await psycopg.AsyncConnection.connect(template) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    copy = await create_database(cluster.dsn, "a_copy", template="a_template")

    assert await scalar(copy, "SELECT answer FROM kept") == 42
    await drop_database(cluster.dsn, "a_copy")
    await drop_database(cluster.dsn, "a_template")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        await scalar(copy, "SELECT 1")


async def test_a_real_cluster_is_durable(durable: EmbeddedPostgres) -> None:
    url = await durable.start()

    assert await scalar(url, "SHOW fsync") == "on"
    assert await scalar(url, "SHOW synchronous_commit") == "on"
    assert await scalar(url, "SHOW full_page_writes") == "on"
    assert await scalar(url, "SHOW max_connections") == "200"


async def test_committed_rows_survive_a_killed_postmaster(durable: EmbeddedPostgres) -> None:
    url = await durable.start()
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert durable.pid is not None

    os.kill(durable.pid, signal.SIGKILL)
    assert await durable.wait() == -signal.SIGKILL

    assert await durable.start() == url
    assert await scalar(url, "SELECT answer FROM kept") == 42


async def test_a_stale_lock_file_with_a_stranger_s_number_is_no_obstacle(
    durable: EmbeddedPostgres,
) -> None:
    await durable.start()
    assert durable.pid is not None
    lock = durable.data_dir / "postmaster.pid"
    lines = lock.read_text().splitlines()
    os.kill(durable.pid, signal.SIGKILL)
    await durable.wait()

    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    url = await durable.start()

    assert await scalar(url, "SELECT 1") == 1


async def test_a_postmaster_left_by_an_earlier_run_is_stopped_first(
    durable: EmbeddedPostgres,
) -> None:
    await durable.start()
    orphan = durable.pid
    assert orphan is not None
    later = EmbeddedPostgres(durable.data_dir, durable.port)

    url = await later.start()

    try:
        assert await durable.wait() == 0
        assert later.pid != orphan
        assert await scalar(url, "SELECT 1") == 1
    finally:
        await later.stop()


async def test_stopping_frees_the_port_and_leaves_nothing(durable: EmbeddedPostgres) -> None:
    await durable.start()
    assert durable.pid is not None
    family = [psutil.Process(durable.pid), *psutil.Process(durable.pid).children(recursive=True)]

    await durable.stop()

    assert is_free(durable.port)
    assert [process for process in family if process.is_running()] == []
    assert not (durable.data_dir / "postmaster.pid").exists()


@as_root
async def test_as_root_no_folder_is_opened_to_others(durable: EmbeddedPostgres) -> None:
    durable.data_dir.parent.mkdir(mode=0o700)

    await durable.start()

    assert stat.S_IMODE(durable.data_dir.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(durable.data_dir.resolve().stat().st_mode) == 0o700
    assert durable.pid is not None
    status = (Path("/proc") / str(durable.pid) / "status").read_text()
    assert "CapEff:\t0000000000000000" in status


@as_root
def test_without_user_namespaces_the_cluster_moves_to_a_home_of_its_own(tmp_path: Path) -> None:
    data_dir = tmp_path / "postgres"
    data_dir.mkdir()
    (data_dir / "PG_VERSION").write_text("18")
    homes = Path("/var/lib") / f"holdfast-test-{os.getpid()}"
    installed = programs().parents[1]
    packages = tmp_path / "packages"
    packages.mkdir(mode=0o700)  # the account cannot reach the programs through this
    for name in (installed.name, f"{installed.name}.libs"):
        shutil.copytree(installed.with_name(name), packages / name, symlinks=True)
    hidden = packages / installed.name / "pginstall"

    try:
        place = unprivileged.in_home(data_dir, hidden / "bin", homes)
        again = unprivileged.in_home(data_dir, hidden / "bin", homes)

        assert again == place
        assert data_dir.is_symlink()
        assert (data_dir / "PG_VERSION").read_text() == "18"
        assert place.user == unprivileged.ordinary_account().pw_uid
        assert place.data_dir.stat().st_uid == place.user
        assert stat.S_IMODE(place.data_dir.parent.stat().st_mode) == 0o700
        assert not place.bin_dir.is_relative_to(packages)
        shutil.rmtree(place.data_dir.parent)
        with pytest.raises(unprivileged.NoUnprivilegedPlace, match="which is gone"):
            unprivileged.in_home(data_dir, hidden / "bin", homes)
    finally:
        shutil.rmtree(homes)


@as_root
@pytest.mark.parametrize("reachable", [True, False], ids=["in place", "in a home"])
async def test_without_user_namespaces_an_account_runs_the_cluster(reachable: bool) -> None:
    homes = Path("/var/lib") / f"holdfast-test-{os.getpid()}"
    folder = Path(tempfile.mkdtemp())
    os.chmod(folder, 0o711 if reachable else 0o700)
    postgres = EmbeddedPostgres(
        folder / "postgres",
        durable=False,
        finds_place=partial(unprivileged.find_place, namespaces=False, homes=homes),
    )

    try:
        url = await postgres.start()
        assert postgres.pid is not None
        os.kill(postgres.pid, signal.SIGKILL)
        await postgres.wait()
        await postgres.start()

        assert await scalar(url, "SELECT 1") == 1
        assert postgres.data_dir.is_symlink() != reachable
        owner = psutil.Process(postgres.pid).uids().effective
        assert owner == unprivileged.ordinary_account().pw_uid
        assert stat.S_IMODE(os.stat(folder).st_mode) == (0o711 if reachable else 0o700)
        await postgres.stop()
        assert not postgres.data_dir.is_symlink()
    finally:
        await postgres.stop()
        shutil.rmtree(folder)
        shutil.rmtree(homes, ignore_errors=True)


@as_root
async def test_data_of_an_account_is_handed_back_to_root_in_a_namespace() -> None:
    folder = Path(tempfile.mkdtemp())
    os.chmod(folder, 0o711)  # noqa: S103 - the account must get through
    finds = partial(unprivileged.find_place, namespaces=False)
    before = EmbeddedPostgres(folder / "postgres", finds_place=finds)
    after = EmbeddedPostgres(folder / "postgres")

    try:
        await before.start()
        await before.stop()
        url = await after.start()

        assert await scalar(url, "SELECT 1") == 1
    finally:
        await before.stop()
        await after.stop()
        shutil.rmtree(folder)


@pytest.fixture
async def temporal(tmp_path: Path) -> AsyncIterator[EmbeddedTemporal]:
    server = EmbeddedTemporal(tmp_path / "my temporal", TemporalPorts.any_free())
    yield server
    await server.stop()


async def attributes(client: Client) -> dict[str, int]:
    """Custom search attributes of our namespace, with their types."""
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=NAMESPACE)
    )
    return dict(answer.custom_attributes)


async def test_temporal_has_our_namespace_attributes_retention_and_ui(
    temporal: EmbeddedTemporal,
) -> None:
    address = await temporal.start()
    client = await Client.connect(address, namespace=NAMESPACE)

    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=NAMESPACE)
    )
    found = await attributes(client)
    async with httpx.AsyncClient(trust_env=False) as http:
        page = await http.get(temporal.ui_url)

    assert described.config.workflow_execution_retention_ttl.seconds == 30 * 86_400
    assert {found[name] for name in SEARCH_ATTRIBUTES} == {2}  # Keyword
    assert page.status_code == 200
    assert temporal.database_path.name == "temporal-1.9.1.db"


async def test_a_started_workflow_survives_a_killed_temporal(temporal: EmbeddedTemporal) -> None:
    client = await Client.connect(await temporal.start(), namespace=NAMESPACE)
    await client.start_workflow("Waiting", id="kept", task_queue="nobody-listens")
    assert temporal.pid is not None

    os.kill(temporal.pid, signal.SIGKILL)
    await temporal.wait()
    await temporal.start()

    async with asyncio.timeout(60):
        described = await client.get_workflow_handle("kept").describe()
    assert described.workflow_type == "Waiting"


async def test_temporal_starts_empty_after_its_file_was_removed(temporal: EmbeddedTemporal) -> None:
    client = await Client.connect(await temporal.start(), namespace=NAMESPACE)
    await client.start_workflow("Waiting", id="lost", task_queue="nobody-listens")
    await temporal.kill()

    temporal.database_path.unlink()
    await temporal.start()

    assert set(SEARCH_ATTRIBUTES) <= set(await attributes(client))
    with pytest.raises(RPCError, match="not found"):
        await client.get_workflow_handle("lost").describe()


async def test_temporal_takes_other_ports_where_one_it_found_is_taken_meanwhile(
    tmp_path: Path,
) -> None:
    server = EmbeddedTemporal(tmp_path / "temporal")
    found = server.ports.grpc
    with socket.create_server(("127.0.0.1", found)):
        try:
            address = await server.start()
        finally:
            await server.stop()

    assert address == f"127.0.0.1:{server.ports.grpc}"
    assert server.ports.grpc != found


async def test_temporal_ends_when_asked(temporal: EmbeddedTemporal) -> None:
    await temporal.start()

    await temporal.stop()

    assert temporal.pid is None
    assert all(
        is_free(port) for port in (temporal.ports.grpc, temporal.ports.ui, temporal.ports.http)
    )
