"""What each version asks of a central system, in our words, and where each requirement is shown.

A version's catalogue is every file `requirements/<version>*.toml`, in the order of names. A
requirement is `tested` by the tests of this folder whose names begin with its id, `elsewhere` (with
the file that shows it), or `open`: not covered, and why.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parent / "requirements"
VERSIONS = {"ocpp16": "OCPP 1.6", "ocpp201": "OCPP 2.0.1", "ocpp21": "OCPP 2.1"}

State = Literal["tested", "elsewhere", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One requirement. `id` as the specification numbers it: "B01.FR.02", "4.2.1"."""

    version: str
    id: str
    block: str
    text: str
    state: State = "tested"
    where: str | None = None  # elsewhere: a file of the repository
    why: str | None = None  # open: what is missing

    @property
    def test_prefix(self) -> str:
        """How the names of its tests begin: "test_b01_fr_02_", "test_4_2_1_"."""
        return f"test_{re.sub('[^a-z0-9]+', '_', self.id.casefold())}_"


def requirements(version: str) -> list[Requirement]:
    """All of a version, in the order of its files. Raises TypeError for an unknown key."""
    return [
        Requirement(version=version, **item)
        for path in sorted(FOLDER.glob(f"{version}*.toml"))
        for item in tomllib.loads(path.read_text()).get("requirement", [])
    ]


def names_of_tests(version: str) -> dict[str, Path]:
    """Every test of a version and its file."""
    return {
        name: path
        for path in sorted((Path(__file__).parent / version).glob("test_*.py"))
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }


def shown_by(requirement: Requirement, names: dict[str, Path]) -> list[str]:
    """The tests that show it."""
    return [name for name in names if name.startswith(requirement.test_prefix)]
