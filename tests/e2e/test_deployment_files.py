"""The files of the production shape say what the documentation promises."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SECRETS = {
    "POSTGRES_PASSWORD": "one",
    "TEMPORAL_POSTGRES_PASSWORD": "two",
    "HOLDFAST_SECRET_KEY": "three",
}


def services() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    found: dict[str, Any] = content["services"]
    return found


def docker_compose() -> str:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is not installed (Debian: apt-get install docker-compose)")
    return program


def config(tmp_path: Path, secrets: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = tmp_path / "secrets.env"
    environment.write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
    return subprocess.run(  # noqa: S603 - the program found above, our own arguments
        [docker_compose(), "--env-file", str(environment), "config"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_docker_compose_accepts_the_file(tmp_path: Path) -> None:
    answer = config(tmp_path, SECRETS)

    assert answer.returncode == 0, answer.stderr


def test_docker_compose_refuses_to_start_without_a_secret(tmp_path: Path) -> None:
    answer = config(tmp_path, {k: v for k, v in SECRETS.items() if k != "HOLDFAST_SECRET_KEY"})

    assert answer.returncode != 0
    assert "HOLDFAST_SECRET_KEY" in answer.stderr


def test_the_production_shape_is_whole() -> None:
    assert set(services()) >= {
        "postgres",
        "temporal",
        "temporal-schema",
        "temporal-namespace",
        "temporal-ui",
        "migrate",
        "gateway-a",
        "gateway-b",
        "haproxy",
        "api",
        "workers",
        "prometheus",
    }
    assert services()["temporal"]["environment"]["NUM_HISTORY_SHARDS"] == "512"


def test_chargers_reach_the_gateways_only_through_the_balancer() -> None:
    for gateway in ("gateway-a", "gateway-b"):
        assert "ports" not in services()[gateway]
    assert services()["haproxy"]["ports"] == ["9000:9000"]


def test_unknown_stations_are_rejected_unless_the_operator_says_otherwise() -> None:
    onboarding = services()["api"]["environment"]["HOLDFAST_ONBOARDING"]

    assert onboarding == "${HOLDFAST_ONBOARDING:-reject}"


def test_every_file_that_the_services_mount_exists() -> None:
    for name, service in services().items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), f"{name} mounts {source}"


def test_haproxy_accepts_its_configuration() -> None:
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if program is None:
        pytest.skip("haproxy is not installed (Debian: apt-get install haproxy)")

    answer = subprocess.run(  # noqa: S603 - the program found above, our own arguments
        [program, "-c", "-f", "deploy/haproxy.cfg"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
