"""`python -m simulator.contracts --port 8430`: the provider on its own."""

import argparse

import uvicorn

from simulator.contracts.app import Provider, create_app
from simulator.contracts.pki import Pki


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="simulator.contracts", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8430)
    parser.add_argument("--key", help="the bearer key that callers must show")
    told = parser.parse_args()
    pki = Pki(f"http://{told.host}:{told.port}/ocsp")
    uvicorn.run(create_app(Provider(pki, key=told.key)), host=told.host, port=told.port)


if __name__ == "__main__":
    main()
