"""A meter that signs: real OCMF records, made with a key of its own, so that verifying is real."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class SigningMeter:
    """Its key follows from its name, so that two meters differ and runs do not."""

    name: str = "meter"

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        seed = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:28], "big")
        return ec.derive_private_key(seed + 1, ec.SECP256R1())

    @cached_property
    def public_key(self) -> str:
        """DER in hex."""
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return der.hex()

    def record(self, *readings: tuple[str, float], at: datetime | None = None) -> str:
        """A signed record. Each reading is its reason ("B" begin, "E" end) and kWh."""
        when = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S,000+0000 S")
        payload = {
            "FV": "1.0",
            "GI": "Gateway",
            "GS": "1",
            "GV": "1",
            "PG": "T1",
            "MV": "Maker",
            "MM": "Model",
            "MS": self.name,
            "IS": True,
            "IT": "NONE",
            "RD": [
                {
                    "TM": when,
                    "TX": reason,
                    "RV": f"{kilowatthours:.3f}",
                    "RI": "01-00:98.08.00.FF",
                    "RU": "kWh",
                    "ST": "G",
                }
                for reason, kilowatthours in readings
            ],
        }
        text = json.dumps(payload, separators=(",", ":"))
        signature = self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())).hex()
        signed = json.dumps({"SA": "ECDSA-secp256r1-SHA256", "SD": signature})
        return f"OCMF|{text}|{signed}"
