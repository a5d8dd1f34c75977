"""Where others ask about the certificates of an authority of ours, as its certificates say."""

from dataclasses import dataclass
from uuid import UUID

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID


@dataclass(frozen=True, slots=True)
class PublicAddresses:
    """Of one authority: api/routes/certificate_status.py answers there."""

    ocsp_url: str
    crl_url: str

    @classmethod
    def of(cls, public_url: str | None, authority_id: UUID) -> "PublicAddresses | None":
        """Below our own address; None where it is not known."""
        if public_url is None:
            return None
        base = public_url.rstrip("/")
        return cls(f"{base}/ocsp/{authority_id}", f"{base}/crl/{authority_id}.crl")

    def extensions(self) -> list[x509.ExtensionType]:
        """Authority information access and CRL distribution points (RFC 5280 sections 4.2.2.1 and
        4.2.1.13)."""
        responder = x509.UniformResourceIdentifier(self.ocsp_url)
        lists = [x509.UniformResourceIdentifier(self.crl_url)]
        return [
            x509.AuthorityInformationAccess(
                [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, responder)]
            ),
            x509.CRLDistributionPoints([x509.DistributionPoint(lists, None, None, None)]),
        ]
