"""A folder of small real programs under the names of ours, to run a whole `up` with.

They serve the same ports and obey the same signals as the real ones, but know nothing of chargers:
what is tested is `up` itself. `python -m tests.cli.stand_ins ROOT STATE BASE [--no-demo]` runs it.
"""

import sys
from dataclasses import replace
from pathlib import Path

SERVED = """
import http.server, json, os, pathlib, signal, sys, threading

name = {name!r}
state = pathlib.Path(os.environ["STAND_IN_DIARY"])

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        overview = {{"stations": 12, "stations_online": 12, "sessions_active": 3,
                    "energy_wh": 1500, "captured": []}}
        body = json.dumps(overview).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass

def drain(*_):
    with open(state, "a") as diary:
        diary.write(name + " drained\\n")
    os._exit(0)

signal.signal(signal.SIGTERM, drain)
ports = [int(port) for port in ({ports})]
servers = [http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer) for port in ports]
for server in servers:
    threading.Thread(target=server.serve_forever, daemon=True).start()
with open(state, "a") as diary:
    diary.write(name + " started\\n")
threading.Event().wait()
"""
ADMIN = 'os.environ["HOLDFAST_ADMIN_PORT"]'
PROGRAMS = {
    "gateway/__main__.py": ("gateway", f'{ADMIN}, os.environ["HOLDFAST_GATEWAY_PORT"]'),
    "api/__main__.py": ("api", f'{ADMIN}, os.environ["HOLDFAST_API_PORT"]'),
    "workers/__main__.py": ("workers", f"{ADMIN},"),
    "simulator/stripe/__main__.py": ("stripe", 'sys.argv[sys.argv.index("--port") + 1],'),
    "simulator/stations/__main__.py": ("fleet", 'sys.argv[sys.argv.index("--control-port") + 1],'),
}
MIGRATE = """
import os, psycopg
with psycopg.connect(os.environ["HOLDFAST_DATABASE_URL"]) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS runs (at timestamptz DEFAULT now())")
    connection.execute("INSERT INTO runs DEFAULT VALUES")
"""
DEMO = """
import pathlib, sys
pathlib.Path(sys.argv[sys.argv.index("--key-file") + 1]).write_text("key\\n")
pathlib.Path(sys.argv[sys.argv.index("--fleet-file") + 1]).write_text("[]")
"""


def write_programs(root: Path) -> None:
    """Put all programs below `root`."""
    texts = {
        path: SERVED.format(name=name, ports=ports) for path, (name, ports) in PROGRAMS.items()
    } | {"cli/migrate.py": MIGRATE, "cli/demo.py": DEMO}
    for path, text in texts.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in (file.parent, file.parent.parent):
            if folder != root:
                (folder / "__init__.py").touch()
        file.write_text(text)


def run(root: Path, state_dir: Path, base: int, *, demo: bool) -> None:
    """`holdfast up` with the programs below `root` instead of ours."""
    from cli.up import keep_up, make_plan

    keep_up(replace(make_plan(state_dir, base, demo=demo), source_root=root))


if __name__ == "__main__":
    from cli.failures import CannotStart

    try:
        run(
            Path(sys.argv[1]),
            Path(sys.argv[2]),
            int(sys.argv[3]),
            demo="--no-demo" not in sys.argv,
        )
    except CannotStart as failure:
        sys.exit(f"holdfast: {failure}")
