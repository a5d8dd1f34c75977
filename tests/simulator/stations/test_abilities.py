"""What orders leave behind: lists, certificates, firmware, monitors, displays, tariffs, TLS."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from simulator.stations.quirks import Quirks
from simulator.stations.station import SimulatedStation
from simulator.stations.v21_orders import open_stream
from tests.simulator.stations.authority import Authority
from tests.simulator.stations.back_office import BackOffice, back_office
from tests.simulator.stations.conftest import FAST, station_16, station_201

QUICK = replace(FAST, step_s=0.01, second_s=0.01)


async def test_the_local_list_decides_offline_and_versions_must_rise(office: BackOffice) -> None:
    good = {"idTag": "GOOD", "idTagInfo": {"status": "Accepted"}}
    bad = {"idTag": "BAD", "idTagInfo": {"status": "Blocked"}}
    order = {"listVersion": 5, "localAuthorizationList": [good, bad], "updateType": "Full"}
    async with SimulatedStation(station_16(), office.url, timing=QUICK) as station:
        await office.until(lambda: station.is_online)
        full = await office.call("CP-16", "SendLocalList", order)
        old = await office.call("CP-16", "SendLocalList", order | {"updateType": "Differential"})
        gone = {"listVersion": 6, "localAuthorizationList": [{"idTag": "GOOD"}]}
        await office.call("CP-16", "SendLocalList", gone | {"updateType": "Differential"})
        version = await office.call("CP-16", "GetLocalListVersion", {})
        station.go_offline(30)

        assert not await station.is_authorized("BAD")
        assert await station.is_authorized("GOOD")

    assert (full, old) == ({"status": "Accepted"}, {"status": "VersionMismatch"})
    assert version == {"listVersion": 6}


async def test_a_list_beyond_the_stations_own_limit_is_refused(office: BackOffice) -> None:
    config = station_16(quirks=Quirks(local_list_chunk=1))
    entries = [{"idTag": one, "idTagInfo": {"status": "Accepted"}} for one in ("A", "B")]
    order = {"listVersion": 1, "localAuthorizationList": entries, "updateType": "Full"}
    async with SimulatedStation(config, office.url, timing=QUICK) as station:
        await office.until(lambda: station.is_online)
        refused = await office.call("CP-16", "SendLocalList", order)
        keys = await office.call("CP-16", "GetConfiguration", {"key": ["SendLocalListMaxLength"]})

    assert refused == {"error": "FormationViolation"}
    assert keys["configurationKey"][0]["value"] == "1"


async def test_firmware_passes_its_states_and_boots_with_the_new_version(
    office: BackOffice,
) -> None:
    firmware = {
        "location": "http://files.invalid/fw-3.1.4.bin",
        "retrieveDateTime": datetime.now(UTC).isoformat(),
        "signature": "c2ln",
    }
    async with SimulatedStation(station_201(), office.url, timing=QUICK) as station:
        await office.until(lambda: station.is_online)
        order = {"requestId": 4, "firmware": firmware}
        assert await office.call("CS-201", "UpdateFirmware", order) == {"status": "Accepted"}
        await office.until(lambda: len(office.of("BootNotification")) == 2)
        await office.until(lambda: len(office.of("FirmwareStatusNotification")) == 6)

    told = [one.payload["status"] for one in office.of("FirmwareStatusNotification")]
    assert told == [
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "Installing",
        "InstallRebooting",
        "Installed",
    ]
    boot = office.of("BootNotification")[1].payload
    assert boot["reason"] == "FirmwareUpdate"
    assert boot["chargingStation"]["firmwareVersion"] == "3.1.4"


async def test_certificates_are_installed_listed_and_deleted(office: BackOffice) -> None:
    authority = Authority()
    kind = {"certificateType": "CSMSRootCertificate"}
    async with SimulatedStation(station_201(), office.url, timing=QUICK) as station:
        await office.until(lambda: station.is_online)
        install = kind | {"certificate": authority.root_pem}
        accepted = await office.call("CS-201", "InstallCertificate", install)
        junk = await office.call("CS-201", "InstallCertificate", install | {"certificate": "x"})
        listed = await office.call("CS-201", "GetInstalledCertificateIds", {})
        hashes = listed["certificateHashDataChain"][0]["certificateHashData"]
        deleted = await office.call("CS-201", "DeleteCertificate", {"certificateHashData": hashes})
        none = await office.call("CS-201", "GetInstalledCertificateIds", {})

    assert (accepted, junk) == ({"status": "Accepted"}, {"status": "Rejected"})
    assert hashes["serialNumber"] == f"{authority.root.serial_number:x}"
    assert (deleted, none) == ({"status": "Accepted"}, {"status": "NotFound"})


async def test_a_renewed_certificate_is_used_at_once_over_tls(tmp_path: Path) -> None:
    authority = Authority()
    server_file, root_file = authority.write_server(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    context.load_verify_locations(root_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    config = station_201(ca_file=str(root_file))
    async with back_office(ssl=context) as office:
        url = office.url.replace("ws:", "wss:")
        async with SimulatedStation(config, url, timing=QUICK) as station:
            await office.until(lambda: station.is_online)
            bare = office.sockets["CS-201"].transport.get_extra_info("peercert")
            ask = {"requestedMessage": "SignChargingStationCertificate"}
            await office.call("CS-201", "TriggerMessage", ask)
            await office.until(lambda: office.requests)
            chain = {"certificateChain": authority.sign(office.requests["CS-201"])}
            await office.call("CS-201", "CertificateSigned", chain)
            await office.until(lambda: office.accepted_sockets == 2)
            shown = office.sockets["CS-201"].transport.get_extra_info("peercert")

    assert not bare
    assert (("commonName", "CS-201"),) in shown["subject"]
    assert office.violations == []


async def test_monitors_tell_periodically_and_on_thresholds(office: BackOffice) -> None:
    about = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "HeartbeatInterval"},
        "severity": 3,
    }
    wanted = [
        about | {"type": "UpperThreshold", "value": 500},
        about | {"type": "Periodic", "value": 5},
    ]
    async with SimulatedStation(station_201(), office.url, timing=QUICK) as station:
        await office.until(lambda: station.is_online)
        done = await office.call("CS-201", "SetVariableMonitoring", {"setMonitoringData": wanted})
        data = about | {"attributeValue": "900"}
        del data["severity"]
        await office.call("CS-201", "SetVariables", {"setVariableData": [data]})
        await office.until(lambda: {_trigger(one) for one in office.of("NotifyEvent")} >= _BOTH)
        cleared = await office.call("CS-201", "ClearVariableMonitoring", {"id": [1, 2, 9]})

    assert [one["status"] for one in done["setMonitoringResult"]] == ["Accepted", "Accepted"]
    verdicts = [one["status"] for one in cleared["clearMonitoringResult"]]
    assert verdicts == ["Accepted", "Accepted", "NotFound"]


async def test_a_21_station_speaks_its_version_and_sends_without_an_answer(
    office: BackOffice,
) -> None:
    tariff = {"tariffId": "T", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.4}]}}
    about = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
    monitor = about | {"type": "Periodic", "value": 1_000, "severity": 5}
    config = replace(station_201(), protocol="ocpp2.1")
    async with SimulatedStation(config, office.url, timing=QUICK) as station:
        await office.until(lambda: station.is_online)
        await office.call("CS-201", "SetDefaultTariff", {"evseId": 0, "tariff": tariff})
        tariffs = await office.call("CS-201", "GetTariffs", {"evseId": 0})
        await office.call("CS-201", "SetVariableMonitoring", {"setMonitoringData": [monitor]})
        open_stream(station, 1)
        await office.until(lambda: office.of("NotifyPeriodicEventStream"))
        streams = await office.call("CS-201", "GetPeriodicEventStream", {})
        await asyncio.sleep(0)

    assert tariffs["tariffAssignments"][0]["evseIds"] == [1, 2]
    assert streams["constantStreamData"][0]["variableMonitoringId"] == 1
    assert office.of("NotifyPeriodicEventStream")[0].payload["data"][0]["v"] == "0.0"


async def test_a_network_profile_that_leads_nowhere_falls_back(office: BackOffice) -> None:
    connection = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "ws://127.0.0.1:9/nowhere",
        "messageTimeout": 5,
        "securityProfile": 1,
        "ocppInterface": "Wired0",
    }
    order = {"configurationSlot": 1, "connectionData": connection}
    priority = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "NetworkConfigurationPriority"},
        "attributeValue": "1,0",
    }
    async with SimulatedStation(station_201(), office.url, timing=QUICK) as station:
        await office.until(lambda: station.is_online)
        taken = await office.call("CS-201", "SetNetworkProfile", order)
        changed = await office.call("CS-201", "SetVariables", {"setVariableData": [priority]})
        await office.call("CS-201", "Reset", {"type": "Immediate"})
        await office.until(lambda: office.accepted_sockets == 2)

    assert taken == {"status": "Accepted"}
    assert changed["setVariableResult"][0]["attributeStatus"] == "RebootRequired"
    assert station.counters["connect_failed"] >= 2


_BOTH = {"Alerting", "Periodic"}


def _trigger(received: object) -> str:
    return str(received.payload["eventData"][0]["trigger"])  # type: ignore[attr-defined] # Received
