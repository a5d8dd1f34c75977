"""Firmware, logs and certificates in OCPP 1.6's words (sections 5.9, 5.19, and the security
whitepaper's messages, section 4)."""

from typing import Any

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext, Translate
from gateway.limits import without_none
from gateway.stamps import stamp

USES = {
    "central_system": "CentralSystemRootCertificate",
    "manufacturer": "ManufacturerRootCertificate",
}


def _update_firmware(order: Order, context: OrderContext) -> tuple[Call, ...]:
    """Signed where there is a signature (whitepaper L01), as plain 1.6 otherwise."""
    if order.get("signature") is None:
        if order.get("install_at") is not None:
            raise NotInThisVersion("OCPP 1.6 takes a time of installation only for signed firmware")
        payload = {
            "location": order["location"],
            "retrieveDate": stamp(order["retrieve_at"]),
            "retries": order.get("retries"),
            "retryInterval": order.get("retry_interval_s"),
        }
        return (Call("UpdateFirmware", without_none(payload)),)
    if order.get("certificate") is None:
        raise NotInThisVersion("signed firmware needs the certificate that it was signed with")
    firmware = {
        "location": order["location"],
        "retrieveDateTime": stamp(order["retrieve_at"]),
        "installDateTime": stamp(order.get("install_at")),
        "signingCertificate": order["certificate"],
        "signature": order["signature"],
    }
    payload = {
        "requestId": context.request_id or 0,
        "firmware": without_none(firmware),
        "retries": order.get("retries"),
        "retryInterval": order.get("retry_interval_s"),
    }
    return (Call("SignedUpdateFirmware", without_none(payload)),)


def _log(order: Order, context: OrderContext) -> tuple[Call, ...]:
    """Diagnostics go the way that every 1.6 station knows; the security log needs the extension."""
    begin, end = stamp(order.get("from")), stamp(order.get("to"))
    if order.get("type") != "security":
        payload = {
            "location": order["location"],
            "startTime": begin,
            "stopTime": end,
            "retries": order.get("retries"),
            "retryInterval": order.get("retry_interval_s"),
        }
        return (Call("GetDiagnostics", without_none(payload)),)
    log = {"remoteLocation": order["location"], "oldestTimestamp": begin, "latestTimestamp": end}
    payload = {
        "logType": "SecurityLog",
        "requestId": context.request_id or 0,
        "log": without_none(log),
        "retries": order.get("retries"),
        "retryInterval": order.get("retry_interval_s"),
    }
    return (Call("GetLog", without_none(payload)),)


def _use(use: object) -> str:
    if use not in USES:
        raise NotInThisVersion(f"OCPP 1.6 has no certificates for {str(use)[:40]}")
    return USES[str(use)]


def _installed(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    """One use per call; without any, all that the version has."""
    uses = order.get("uses") or list(USES)
    return tuple(Call("GetInstalledCertificateIds", {"certificateType": _use(use)}) for use in uses)


def _install(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    payload = {"certificateType": _use(order.get("use")), "certificate": order["certificate"]}
    return (Call("InstallCertificate", payload),)


def hash_data(order: Order) -> dict[str, Any]:
    """CertificateHashDataType, the same in every version."""
    named = order["hash"]
    return {
        "hashAlgorithm": named["algorithm"],
        "issuerNameHash": named["issuer_name"],
        "issuerKeyHash": named["issuer_key"],
        "serialNumber": named["serial"],
    }


def _delete(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call("DeleteCertificate", {"certificateHashData": hash_data(order)}),)


def _signed(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    if order.get("use") not in (None, "station"):
        raise NotInThisVersion("OCPP 1.6 signs the station's own certificate alone")
    return (Call("CertificateSigned", {"certificateChain": order["chain"]}),)


def _password(_order: Order, context: OrderContext) -> tuple[Call, ...]:
    """Whitepaper A01: hexadecimal digits of the password's bytes."""
    if context.secret is None:
        raise NotInThisVersion("no new password waits for this station")
    value = context.secret.encode().hex().upper()
    return (Call("ChangeConfiguration", {"key": "AuthorizationKey", "value": value}),)


SECURITY: dict[str, Translate] = {
    "update_firmware": _update_firmware,
    "log": _log,
    "installed_certificates": _installed,
    "install_certificate": _install,
    "delete_certificate": _delete,
    "certificate_signed": _signed,
    "password": _password,
}
