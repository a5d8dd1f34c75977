"""What a database cannot answer: is this contract good, is this certificate revoked, who signs a
contract for this car. Asked after the fact is committed, beside the hot path, a few at a time.

Whatever cannot be found out is answered with the honest negative: nothing here ever makes a
contract good because somebody could not be reached.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from cryptography import x509

from gateway.certificate_answers import (
    CERTIFICATE_STATUS,
    EXI_RESPONSE,
    REASON,
    REASON_TEXT,
    REMAINING,
    STATUSES,
    StatusFound,
)
from gateway.contract_trust import OwnAuthority, Trust, TrustRows
from gateway.dialect import Outcome
from gateway.dynamic_schedules import DynamicSchedules
from gateway.postgres import Pool
from gateway.reading import whole
from gateway.v21.events import DYNAMIC_SCHEDULE, SCHEDULE_UPDATE
from gateway.writing.entry import Peer
from holdfast.adapters.contract_certificates import contract_provider
from holdfast.adapters.contract_chain import (
    CertificateStatus,
    ChainBroken,
    check_contract,
    common_name,
    load_chain,
    same_emaid,
    verify_chain,
)
from holdfast.adapters.crl_client import read_crl
from holdfast.adapters.ocsp_client import (
    OcspFound,
    OcspUnusable,
    ask_responder,
    hash_of,
)
from holdfast.adapters.outside_http import OutsideHttp, OutsideUnreachable
from holdfast.contracts.facts import (
    CertificateHash,
    CertificateStatusRequested,
    ContractCertificateRequested,
    EventReported,
    Fact,
    TokenPresented,
)
from holdfast.contracts.ports import CertificateProvider, ContractAsked, ContractNotGiven
from holdfast.settings import Settings

logger = structlog.get_logger()

AT_ONCE_MAX = 32  # of all stations of this gateway
STATUS_TIMEOUT_S = 15.0  # less than a station's own patience

NOT_VERIFIED: CertificateStatus = "NoCertificateAvailable"


@dataclass(frozen=True, slots=True)
class GatewayQuestions:
    """The `Questions` of a gateway process (gateway/dialect.py)."""

    rows: TrustRows
    outside: OutsideHttp
    provider: CertificateProvider
    schedules: DynamicSchedules
    places: asyncio.Semaphore

    @classmethod
    def opened(cls, pool: Pool, settings: Settings) -> "GatewayQuestions":
        """On the process's pool."""
        return cls(
            TrustRows(pool, settings.secret_key.get_secret_value()),
            OutsideHttp.from_setting(settings.outbound_hosts),
            contract_provider(settings),
            DynamicSchedules(pool),
            asyncio.Semaphore(AT_ONCE_MAX),
        )

    async def answer(self, peer: Peer, fact: Fact, outcome: Outcome) -> Outcome:
        """The outcome with `details`; see gateway/v201/contracts.py for how they are told."""
        if isinstance(fact, TokenPresented) and not (fact.certificate or fact.certificate_hashes):
            return outcome
        if isinstance(fact, EventReported):
            return await self._schedule(peer, fact, outcome)
        now = datetime.now(UTC)
        async with self.places:
            if isinstance(fact, TokenPresented):
                async with asyncio.timeout(STATUS_TIMEOUT_S):
                    status = await self._judged(peer, fact, now)
                logger.info("contract_judged", station=peer.identity, status=status)
                return replace(outcome, details={CERTIFICATE_STATUS: status})
            if isinstance(fact, CertificateStatusRequested):
                trust = await self.rows.trust_of(peer.organization_id)
                found = await asyncio.gather(
                    *(self._status(peer, trust, asked, now) for asked in fact.certificates)
                )
                return replace(outcome, details={STATUSES: tuple(found)})
            if isinstance(fact, ContractCertificateRequested):
                return replace(outcome, details=await self._contract(peer, fact))
        return outcome

    async def _schedule(self, peer: Peer, fact: EventReported, outcome: Outcome) -> Outcome:
        profile_id = whole(fact.details.get("chargingProfileId"))
        if fact.kind != DYNAMIC_SCHEDULE or profile_id is None:
            return outcome
        update = await self.schedules.last(peer.station_id, profile_id)
        return replace(outcome, details={SCHEDULE_UPDATE: update})

    async def _contract(
        self, peer: Peer, fact: ContractCertificateRequested
    ) -> dict[str, str | int | None]:
        try:
            given = await self.provider.contract(
                ContractAsked(
                    station=peer.identity,
                    schema_version=fact.schema_version,
                    action=fact.action,
                    exi_request=fact.exi_request,
                    contracts_max=fact.contracts_max,
                    emaids=fact.emaids,
                )
            )
        except ContractNotGiven as refused:
            logger.info("contract_not_given", station=peer.identity, reason=refused.code)
            return {REASON: refused.code, REASON_TEXT: str(refused)}
        return {EXI_RESPONSE: given.exi_response, REMAINING: given.remaining}

    async def _judged(self, peer: Peer, fact: TokenPresented, now: datetime) -> CertificateStatus:
        trust = await self.rows.trust_of(peer.organization_id)
        asked: Sequence[CertificateHash] = fact.certificate_hashes
        issuers: Sequence[x509.Certificate] = trust.roots
        if fact.certificate is not None:
            try:
                path = verify_chain(load_chain(fact.certificate), trust.contract_roots, now)
                check_contract(path)
            except ChainBroken as broken:
                return broken.status
            if not same_emaid(common_name(path.leaf) or "", fact.token_uid):
                return NOT_VERIFIED  # a good certificate, of another contract
            issuers = (*trust.roots, *path.certificates[1:])
            asked = _to_ask(trust, path.to_ask, fact.certificate_hashes)
        found = await asyncio.gather(
            *(self._status(peer, trust, one, now, issuers) for one in asked)
        )
        return _verdict(found, fact.token_uid)

    async def _status(
        self,
        peer: Peer,
        trust: Trust,
        asked: CertificateHash,
        now: datetime,
        issuers: Sequence[x509.Certificate] | None = None,
    ) -> StatusFound:
        organization_id = peer.organization_id
        try:
            own = trust.own_issuer(asked)
            if own is not None:
                return await self._own(peer, own, asked, now)
            if trust.is_own_issuing(asked):
                return StatusFound(status="good")
            if asked.source == "crl":
                return await self._listed(asked, trust.roots, now)
            known = await self.rows.known_answer(organization_id, asked, now)
            if known is None:
                known = await ask_responder(self.outside, asked, issuers or trust.roots, now)
                await self.rows.keep_answer(organization_id, asked, known, now)
            return _told(known)
        except (OcspUnusable, OutsideUnreachable) as error:
            logger.info("responder_unusable", station=peer.identity, error=str(error)[:200])
            return StatusFound(status="failed", text=str(error)[:200])

    async def _own(
        self, peer: Peer, own: OwnAuthority, asked: CertificateHash, now: datetime
    ) -> StatusFound:
        contract = await self.rows.issued(peer.organization_id, asked.serial_number)
        if contract is None:
            return StatusFound(status="unknown", text="our authority never issued it")
        if contract.certificate.not_valid_after_utc < now:
            return StatusFound(status="expired", emaid=contract.emaid)
        ended = contract.revoked_at or contract.cancelled_at
        der = None
        if asked.algorithm == "SHA256":  # the one in which our authority names certificates
            der = await asyncio.to_thread(self.rows.own_answer, own, contract, now)
        return StatusFound(
            status="good" if ended is None else "revoked",
            der=der,
            next_update=None,
            cancelled=contract.revoked_at is None and contract.cancelled_at is not None,
            emaid=contract.emaid,
        )

    async def _listed(
        self, asked: CertificateHash, issuers: Sequence[x509.Certificate], now: datetime
    ) -> StatusFound:
        problem = "no address of a list"
        for url in filter(None, (asked.responder_url, *asked.other_urls)):
            try:
                listed = read_crl(await self.outside.get(url), asked, issuers, now)
            except (OcspUnusable, OutsideUnreachable) as error:
                problem = str(error)
                continue
            return StatusFound(
                status="revoked" if listed.revoked else "good", next_update=listed.next_update
            )
        raise OcspUnusable(problem)


def _to_ask(
    trust: Trust,
    pairs: Sequence[tuple[x509.Certificate, x509.Certificate]],
    told: Sequence[CertificateHash],
) -> list[CertificateHash]:
    """Whom to ask of a verified chain: the responders that its certificates name, or that the
    station told for them. A certificate for which nobody names one cannot be asked about."""
    urls = {one.serial_number: one.responder_url for one in told}
    found = [
        hash_of(certificate, issuer, urls.get(f"{certificate.serial_number:x}"))
        for certificate, issuer in pairs
    ]
    return [one for one in found if one.responder_url is not None or trust.own_issuer(one)]


def _verdict(found: Sequence[StatusFound], uid: str) -> CertificateStatus:
    """The worst of all counts. What could not be found out is not good."""
    if any(one.cancelled for one in found):
        return "ContractCancelled"
    statuses = {one.status for one in found}
    if "revoked" in statuses:
        return "CertificateRevoked"
    if "expired" in statuses:
        return "CertificateExpired"
    if statuses - {"good"}:
        return NOT_VERIFIED
    if any(one.emaid is not None and not same_emaid(one.emaid, uid) for one in found):
        return NOT_VERIFIED
    return "Accepted"


def _told(found: OcspFound) -> StatusFound:
    return StatusFound(status=found.status, der=found.der, next_update=found.next_update)
