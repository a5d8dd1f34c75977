"""Contract certificates for cars: the embedded default, and a provider outside (OPCP and the like).

The provider outside is spoken to in JSON over HTTPS (docs/howto/plug-and-charge.md). What it is
sent and what it sends is EXI in base64, which nobody here reads.
"""

import binascii
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from holdfast.adapters.outside_http import OutsideHttp, OutsideUnreachable
from holdfast.contracts.ports import (
    CertificateProvider,
    ContractAsked,
    ContractGiven,
    ContractNotGiven,
)
from holdfast.settings import Settings

PROVIDER_TIMEOUT_S = 15.0
EXI_LENGTH_MAX = 17_000  # OCPP 2.1; 7,500 in 2.0.1
REASON_LENGTH_MAX = 20
TEXT_LENGTH_MAX = 512


@dataclass(frozen=True, slots=True)
class NoContractProvider:
    """The default. Our own authority issues contract certificates, but a car's request is an EXI
    message that only a provider's software can read and answer; so the honest answer is no."""

    async def contract(self, asked: ContractAsked) -> ContractGiven:
        """Raises `ContractNotGiven`."""
        del asked
        raise ContractNotGiven("NotEnabled", "no contract certificate provider is configured")


@dataclass(frozen=True, slots=True)
class HttpContractProvider:
    """POSTs a car's request to the address of a provider."""

    url: str
    outside: OutsideHttp
    key: str | None = field(default=None, repr=False)

    async def contract(self, asked: ContractAsked) -> ContractGiven:
        """Raises `ContractNotGiven`."""
        body = orjson.dumps(
            {
                "station": asked.station,
                "schema_version": asked.schema_version,
                "action": asked.action,
                "exi_request": asked.exi_request,
                "contracts_max": asked.contracts_max,
                "emaids": list(asked.emaids),
            }
        )
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            return _given(await self.outside.post(self.url, body, headers))
        except OutsideUnreachable as error:
            code = "NotEnabled" if error.refused else "Timeout"
            raise ContractNotGiven(code, f"the provider was not reached: {error}") from error


def contract_provider(settings: Settings) -> CertificateProvider:
    """The provider that the settings name; without one the embedded default."""
    if settings.contract_provider_url is None:
        return NoContractProvider()
    secret = settings.contract_provider_key
    # The operator named this address, so it may be one of their own network.
    host = urlsplit(settings.contract_provider_url).hostname or ""
    return HttpContractProvider(
        settings.contract_provider_url,
        OutsideHttp(frozenset({host}), timeout_s=PROVIDER_TIMEOUT_S),
        None if secret is None else secret.get_secret_value(),
    )


def _given(body: bytes) -> ContractGiven:
    try:
        answer: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ContractNotGiven("InternalError", "the provider's answer is no JSON") from None
    if not isinstance(answer, dict):
        raise ContractNotGiven("InternalError", "the provider's answer is no object")
    if answer.get("status") != "accepted":
        code = str(answer.get("reason") or "Unspecified")[:REASON_LENGTH_MAX]
        text = str(answer.get("text") or "the provider refused")[:TEXT_LENGTH_MAX]
        raise ContractNotGiven(code, text)
    exi, remaining = answer.get("exi_response"), answer.get("remaining")
    if not isinstance(exi, str) or not 0 < len(exi) <= EXI_LENGTH_MAX or not _is_base64(exi):
        raise ContractNotGiven("InternalError", "the provider's EXI message cannot be sent on")
    counted = isinstance(remaining, int) and not isinstance(remaining, bool) and remaining >= 0
    return ContractGiven(exi_response=exi, remaining=remaining if counted else None)


def _is_base64(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
