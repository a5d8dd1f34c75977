"""Firmware, logs, certificates and access in OCPP 2.x's words (blocks A, B09, L, M, N01)."""

from collections.abc import Mapping
from typing import Any

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext, Translate
from gateway.limits import without_none
from gateway.stamps import stamp
from gateway.v16.orders_security import hash_data

USES = {
    "central_system": "CSMSRootCertificate",
    "manufacturer": "ManufacturerRootCertificate",
    "v2g": "V2GRootCertificate",
    "mo": "MORootCertificate",
}
CHAINS = USES | {"v2g_chain": "V2GCertificateChain"}
USES_21 = USES | {"oem": "OEMRootCertificate"}
SIGNED = {"station": "ChargingStationCertificate", "v2g": "V2GCertificate"}
SIGNED_21 = SIGNED | {"v2g20": "V2G20Certificate"}
VERSIONS = {"1.6": "OCPP16", "2.0.1": "OCPP20"}
VERSIONS_21 = {"1.6": "OCPP16", "2.0.1": "OCPP201", "2.1": "OCPP21"}


def security(*, v21: bool) -> Mapping[str, Translate]:
    """What the version does with these kinds."""
    version = "OCPP 2.1" if v21 else "OCPP 2.0.1"
    uses, signed_uses = (USES_21, SIGNED_21) if v21 else (USES, SIGNED)

    def word(use: object, words: Mapping[str, str]) -> str:
        if use not in words:
            raise NotInThisVersion(f"{version} has no certificates for {str(use)[:40]}")
        return words[str(use)]

    def install(order: Order, _context: OrderContext) -> tuple[Call, ...]:
        kind = word(order.get("use"), uses)
        payload = {"certificateType": kind, "certificate": order["certificate"]}
        return (Call("InstallCertificate", payload),)

    def signed(order: Order, _context: OrderContext) -> tuple[Call, ...]:
        """A02. `request_id` is the station's own number of its CSR (2.1)."""
        payload = {
            "certificateChain": order["chain"],
            "certificateType": word(order.get("use") or "station", signed_uses),
            "requestId": order.get("request_id") if v21 else None,
        }
        return (Call("CertificateSigned", without_none(payload)),)

    def network_profile(order: Order, _context: OrderContext) -> tuple[Call, ...]:
        """B09. `profile`: {"url", "security_profile", "message_timeout_s", "interface",
        "ocpp_version"}, or NetworkConnectionProfileType as it is."""
        profile = order["profile"]
        data = dict(profile) if "ocppCsmsUrl" in profile else _connection(profile, v21=v21)
        payload = {"configurationSlot": order["slot"], "connectionData": data}
        return (Call("SetNetworkProfile", payload),)

    return {
        "update_firmware": _update_firmware,
        "log": _log,
        "installed_certificates": _installed(version),
        "install_certificate": install,
        "delete_certificate": _delete,
        "certificate_signed": signed,
        "network_profile": network_profile,
        "password": _password,
    }


def _connection(profile: Order, *, v21: bool) -> dict[str, Any]:
    versions = VERSIONS_21 if v21 else VERSIONS
    wanted = str(profile.get("ocpp_version") or ("2.1" if v21 else "2.0.1"))
    if wanted not in versions:
        raise NotInThisVersion(f"a network profile cannot name OCPP {wanted[:10]} here")
    return without_none(
        {
            "ocppVersion": versions[wanted],
            "ocppTransport": "JSON",
            "ocppCsmsUrl": profile["url"],
            "messageTimeout": profile.get("message_timeout_s") or 30,
            "securityProfile": profile["security_profile"],
            "ocppInterface": profile.get("interface") or "Wired0",
        }
    )


def _update_firmware(order: Order, context: OrderContext) -> tuple[Call, ...]:
    firmware = {
        "location": order["location"],
        "retrieveDateTime": stamp(order["retrieve_at"]),
        "installDateTime": stamp(order.get("install_at")),
        "signingCertificate": order.get("certificate"),
        "signature": order.get("signature"),
    }
    payload = {
        "requestId": context.request_id or 0,
        "firmware": without_none(firmware),
        "retries": order.get("retries"),
        "retryInterval": order.get("retry_interval_s"),
    }
    return (Call("UpdateFirmware", without_none(payload)),)


def _log(order: Order, context: OrderContext) -> tuple[Call, ...]:
    log = {
        "remoteLocation": order["location"],
        "oldestTimestamp": stamp(order.get("from")),
        "latestTimestamp": stamp(order.get("to")),
    }
    payload = {
        "logType": "SecurityLog" if order.get("type") == "security" else "DiagnosticsLog",
        "requestId": context.request_id or 0,
        "log": without_none(log),
        "retries": order.get("retries"),
        "retryInterval": order.get("retry_interval_s"),
    }
    return (Call("GetLog", without_none(payload)),)


def _installed(version: str) -> Translate:
    def translate(order: Order, _context: OrderContext) -> tuple[Call, ...]:
        asked = order.get("uses") or []
        unknown = [str(use)[:40] for use in asked if use not in CHAINS]
        if unknown:
            raise NotInThisVersion(f"{version} has no certificates for {', '.join(unknown)}")
        kinds = [CHAINS[use] for use in asked]
        payload = {"certificateType": kinds} if kinds else {}
        return (Call("GetInstalledCertificateIds", payload),)

    return translate


def _delete(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call("DeleteCertificate", {"certificateHashData": hash_data(order)}),)


def _password(_order: Order, context: OrderContext) -> tuple[Call, ...]:
    """A01: the password itself, in the variable that no report ever shows."""
    if context.secret is None:
        raise NotInThisVersion("no new password waits for this station")
    data = {
        "attributeValue": context.secret,
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
    }
    return (Call("SetVariables", {"setVariableData": [data]}),)


SECURITY = security(v21=False)
