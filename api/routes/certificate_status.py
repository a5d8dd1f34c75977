"""Are the certificates that we issued still good? Asked by anybody: OCSP (RFC 6960) and a CRL.

No key is needed and no organization is told: an answer holds what its asker named, signed by the
authority that issued it. Limited per address, and made to be kept by caches between.
"""

import asyncio
import time
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import unquote
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from fastapi import APIRouter, Depends, Request, Response

from holdfast.adapters.certificate_authority import (
    CertificateAuthority,
    OcspQuestion,
    Revoked,
    SealedAuthority,
    issuer_hashes,
)
from holdfast.http.database import Db
from holdfast.http.problems import Problem
from holdfast.http.rate_limit import RateLimit
from holdfast.services.published_status import (
    ended_certificates,
    published_authority,
    standing_of,
)
from holdfast.settings import Settings
from holdfast.store.tables import Authority

router = APIRouter(include_in_schema=False)

REQUEST_BYTES_MAX = 4_096
ENCODED_LENGTH_MAX = 1_024
SERIAL_BITS_MAX = 160
OCSP_KEPT_S = 300
CRL_KEPT_S = 900
LISTS_MAX = 200
OCSP_TYPE = "application/ocsp-response"
CRL_TYPE = "application/pkix-crl"


@dataclass(slots=True)
class StatusDesk:
    """What the routes keep between requests: who asks how often, and lists that were signed."""

    limit: RateLimit = field(default_factory=lambda: RateLimit(per_s=20, burst=100))
    lists: dict[UUID, tuple[float, bytes]] = field(default_factory=dict)

    def list_of(self, authority_id: UUID) -> bytes | None:
        """The signed list, while it is fresh."""
        known = self.lists.get(authority_id)
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def keep(self, authority_id: UUID, crl: bytes) -> None:
        """Signing a long list takes time; the next who asks gets the same one."""
        if len(self.lists) >= LISTS_MAX:
            self.lists.clear()
        self.lists[authority_id] = (time.monotonic() + CRL_KEPT_S, crl)


def desk(request: Request) -> StatusDesk:
    """Of the application; refuses an address that asks too often."""
    found: StatusDesk = request.app.state.certificate_status
    address = request.client.host if request.client is not None else "unknown"
    wait_s = found.limit.wait_s(address, time.monotonic())
    if wait_s:
        raise Problem(
            429, "too-many-requests", "asked too often", headers={"Retry-After": str(wait_s)}
        )
    return found


Desk = Annotated[StatusDesk, Depends(desk)]


@router.get("/crl/{authority_id}.crl")
async def read_revocations(authority_id: UUID, request: Request, db: Db, kept: Desk) -> Response:
    """The list of what the authority took back, in DER (RFC 5280)."""
    crl = kept.list_of(authority_id)
    if crl is None:
        row = await published_authority(db, authority_id)
        now = datetime.now(UTC)
        revoked = [Revoked(one.serial, one.at) for one in await ended_certificates(db, row, now)]
        authority = _opened(request, row)
        crl = await asyncio.to_thread(authority.crl_der, revoked, int(now.timestamp()), now)
        kept.keep(authority_id, crl)
    return Response(crl, media_type=CRL_TYPE, headers=_cached(CRL_KEPT_S))


@router.post("/ocsp/{authority_id}")
async def answer_posted(authority_id: UUID, request: Request, db: Db, kept: Desk) -> Response:
    """RFC 6960 appendix A.1: the question in DER as the body."""
    del kept
    asked = await request.body()
    return Response(await _answer(db, request, authority_id, asked), media_type=OCSP_TYPE)


@router.get("/ocsp/{authority_id}/{encoded:path}")
async def answer_named(
    authority_id: UUID, encoded: str, request: Request, db: Db, kept: Desk
) -> Response:
    """RFC 6960 appendix A.1: the question in base64, as a part of the address."""
    del kept
    try:
        if len(encoded) > ENCODED_LENGTH_MAX:
            raise ValueError("too long")
        asked = b64decode(unquote(encoded), validate=True)
    except (NotBase64, ValueError):
        asked = b""
    answer = await _answer(db, request, authority_id, asked)
    return Response(answer, media_type=OCSP_TYPE, headers=_cached(OCSP_KEPT_S))


async def _answer(db: Db, request: Request, authority_id: UUID, asked: bytes) -> bytes:
    row = await published_authority(db, authority_id)
    try:
        if len(asked) > REQUEST_BYTES_MAX:
            raise ValueError("too long")
        question = ocsp.load_der_ocsp_request(asked)
        names = (question.issuer_name_hash, question.issuer_key_hash)
        serial, algorithm = question.serial_number, question.hash_algorithm
    except (ValueError, NotImplementedError):
        # Several certificates in one question are not answered: nobody asks so.
        return _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    issuing = x509.load_pem_x509_certificate(row.issuing_pem.encode())
    ours = names == issuer_hashes(issuing, algorithm)
    if not ours or not 0 < serial.bit_length() <= SERIAL_BITS_MAX:
        # RFC 5019 section 2.2.3: of certificates of others we have nothing to say.
        return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    standing = await standing_of(db, row, f"{serial:x}")
    return _opened(request, row).ocsp_answer(
        OcspQuestion(f"{serial:x}", algorithm),
        datetime.now(UTC),
        issued=standing.issued,
        ended_at=standing.ended_at,
    )


def _opened(request: Request, row: Authority) -> CertificateAuthority:
    settings: Settings = request.app.state.settings
    stored = SealedAuthority(
        row.root_pem, row.issuing_pem, row.root_key_sealed, row.issuing_key_sealed
    )
    return CertificateAuthority.opened(stored, settings.secret_key.get_secret_value())


def _cached(seconds: int) -> dict[str, str]:
    """RFC 5019 section 6.2."""
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    return {
        "Cache-Control": f"public, no-transform, max-age={seconds}",
        "Expires": expires.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }


def _unsuccessful(status: ocsp.OCSPResponseStatus) -> bytes:
    """An OCSPResponse that says nothing of any certificate, and is signed by nobody."""
    built = ocsp.OCSPResponseBuilder.build_unsuccessful(status)
    return built.public_bytes(Encoding.DER)
