"""Where a command finds its settings: the environment, else what `up` told its processes.

`holdfast verify` in a second terminal must mean the installation in this folder without anybody
copying secrets: `up` leaves `environment.json` (mode 600) in its state folder.
"""

import json
import os
from pathlib import Path

from cli.failures import CannotStart
from holdfast.settings import PREFIX, BadSettings, Settings

STATE_DIR = Path(".holdfast")


def known_settings(state_dir: Path = STATE_DIR) -> Settings:
    """Settings of this installation. HOLDFAST_* variables win over the state folder's.

    Raises CannotStart with one sentence where neither says enough.
    """
    told: dict[str, str] = {}
    path = state_dir / "environment.json"
    try:
        told = {str(name): str(value) for name, value in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        pass
    except PermissionError:
        raise CannotStart(f"{path} may only be read by the user who runs `up`.") from None
    except (ValueError, AttributeError):
        raise CannotStart(f"{path} is not a JSON object of settings.") from None
    given = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    try:
        return Settings.from_environment({**told, **given})
    except BadSettings as problem:
        raise CannotStart(
            f"No installation is known here: start `holdfast up` in this folder, name its folder "
            f"with --state-dir, or set the variables ({problem})."
        ) from None
