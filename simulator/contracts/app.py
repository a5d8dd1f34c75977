"""The provider over HTTP: /ocsp, /crl, /contracts, and /control for whoever plays with it."""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.contracts.pki import Pki

EXI_REQUEST_MAX = 11_000


@dataclass
class Provider:
    """What the provider does, and what it was asked."""

    pki: Pki
    key: str | None = None
    refusing: str | None = None  # the reason that every request for a contract gets
    forging: bool = False  # OCSP answers are signed by somebody who may not
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def ocsp(self, request: Request) -> Response:
        """RFC 6960, by POST."""
        forger = self.pki.contract("FORGER") if self.forging else None
        answer = self.pki.answer(await request.body(), by=forger)
        return Response(answer, media_type="application/ocsp-response")

    async def crl(self, request: Request) -> Response:
        """The second sub-CA's list."""
        del request
        return Response(self.pki.revocations(), media_type="application/pkix-crl")

    async def contracts(self, request: Request) -> Response:
        """A car's request, EXI in base64; the answer carries the request's first bytes, so that a
        test sees that it passed through."""
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return JSONResponse({"error": "no key"}, status_code=401)
        asked = await request.json()
        self.asked.append(asked)
        if self.refusing is not None:
            return JSONResponse({"status": "failed", "reason": self.refusing})
        exi = b64decode(str(asked["exi_request"])[:EXI_REQUEST_MAX])
        answer = b64encode(b"contract for " + exi[:64]).decode()
        return JSONResponse({"status": "accepted", "exi_response": answer, "remaining": 1})

    async def control(self, request: Request) -> Response:
        """{"contract": eMAID} makes one; {"revoke": serial} takes it back; both may be left out."""
        wished = await request.json()
        told: dict[str, Any] = {"root": self.pki.root.pem}
        if "contract" in wished:
            holder = self.pki.contract(str(wished["contract"]))
            told["chain"] = self.pki.chain(holder)
            told["serial"] = f"{holder.certificate.serial_number:x}"
        if "revoke" in wished:
            self.pki.revoke(int(str(wished["revoke"]), 16))
        return JSONResponse(told)


def create_app(provider: Provider) -> Starlette:
    """The application around a provider."""
    return Starlette(
        routes=[
            Route("/ocsp", provider.ocsp, methods=["POST"]),
            Route("/crl", provider.crl),
            Route("/contracts", provider.contracts, methods=["POST"]),
            Route("/control", provider.control, methods=["POST"]),
        ]
    )
