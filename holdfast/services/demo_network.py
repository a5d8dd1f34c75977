"""The demo network as values: where it stands, what it costs, who drives. All of it invented."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

SLUG = "demo"
NAME = "Demo Charging"
CURRENCY = "EUR"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSite:
    """A site, and what charging costs there: `tariff` on AC and `fast_tariff` on DC."""

    name: str
    address: str
    city: str
    country: str
    time_zone: str
    tariff: str
    fast_tariff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStation:
    """One station. `evses` EVSEs of `max_power_w` each, every one with these connectors."""

    identity: str
    name: str
    site: str
    protocol: str
    vendor: str
    model: str
    firmware: str
    current_type: str
    max_power_w: int
    evses: int
    connectors: tuple[str, ...]

    @property
    def fast(self) -> bool:
        """Whether the dearer direct-current tariff applies."""
        return self.current_type == "DC"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAccount:
    """Who pays for one or more tokens."""

    name: str
    email: str
    billing: str


BERLIN, AMSTERDAM, LISBON = "Berlin Westhafen", "Amsterdam Noord", "Lisboa Oriente"
AC_TARIFF, NIGHT_TARIFF, AC_TARIFF_PT = "AC standard", "AC day and night", "AC standard, Portugal"
DC_TARIFF, DC_TARIFF_NL, DC_TARIFF_PT = "DC fast", "DC fast, Netherlands", "DC fast, Portugal"
AD_HOC_OF = {
    DC_TARIFF: "Ad hoc",
    DC_TARIFF_NL: "Ad hoc, Netherlands",
    DC_TARIFF_PT: "Ad hoc, Portugal",
}
FLEET_TARIFF, FLEET_GROUP = "Fleet partners, Berlin", "fleets"
VAT_DE, VAT_NL, VAT_PT = "19", "21", "23"

SITES = (
    DemoSite(
        name=BERLIN,
        address="Westhafenstrasse 1",
        city="Berlin",
        country="DE",
        time_zone="Europe/Berlin",
        tariff=AC_TARIFF,
        fast_tariff=DC_TARIFF,
    ),
    DemoSite(
        name=AMSTERDAM,
        address="Papaverweg 30",
        city="Amsterdam",
        country="NL",
        time_zone="Europe/Amsterdam",
        tariff=NIGHT_TARIFF,
        fast_tariff=DC_TARIFF_NL,
    ),
    DemoSite(
        name=LISBON,
        address="Avenida Dom Joao II 40",
        city="Lisboa",
        country="PT",
        time_zone="Europe/Lisbon",
        tariff=AC_TARIFF_PT,
        fast_tariff=DC_TARIFF_PT,
    ),
)


def _ac(identity: str, name: str, site: str, protocol: str, model: str) -> DemoStation:
    return DemoStation(
        identity=identity,
        name=name,
        site=site,
        protocol=protocol,
        vendor="Nordlicht",
        model=model,
        firmware="3.4.1",
        current_type="AC",
        max_power_w=22_000,
        evses=2,
        connectors=("IEC_62196_T2",),
    )


def _dc(identity: str, name: str, site: str, protocol: str, power_w: int) -> DemoStation:
    both = protocol == "ocpp2.0.1"  # a 1.6 connector is an EVSE of its own, so it has one plug
    return DemoStation(
        identity=identity,
        name=name,
        site=site,
        protocol=protocol,
        vendor="Voltare",
        model=f"Rapid {power_w // 1000}",
        firmware="2.11.0",
        current_type="DC",
        max_power_w=power_w,
        evses=2,
        connectors=("IEC_62196_T2_COMBO", "CHADEMO") if both else ("IEC_62196_T2_COMBO",),
    )


STATIONS = (
    _ac("HF-BER-01", "Car park, row A", BERLIN, "ocpp1.6", "Post 22"),
    _ac("HF-BER-02", "Car park, row B", BERLIN, "ocpp1.6", "Post 22"),
    _ac("HF-BER-03", "Car park, row C", BERLIN, "ocpp2.0.1", "Post 22 S"),
    _dc("HF-BER-04", "Entrance, left", BERLIN, "ocpp1.6", 150_000),
    _dc("HF-BER-05", "Entrance, right", BERLIN, "ocpp2.0.1", 300_000),
    _ac("HF-AMS-01", "Quay 1", AMSTERDAM, "ocpp1.6", "Post 22"),
    _ac("HF-AMS-02", "Quay 2", AMSTERDAM, "ocpp1.6", "Post 22"),
    _ac("HF-AMS-03", "Quay 3", AMSTERDAM, "ocpp2.0.1", "Post 22 S"),
    _dc("HF-AMS-04", "Ferry square", AMSTERDAM, "ocpp1.6", 50_000),
    _ac("HF-LIS-01", "Station, level -1", LISBON, "ocpp1.6", "Post 22"),
    _ac("HF-LIS-02", "Station, level -2", LISBON, "ocpp1.6", "Post 22"),
    _dc("HF-LIS-03", "Forecourt", LISBON, "ocpp2.0.1", 180_000),
)


def _component(kind: str, price: str, vat: str, *, step_size: int = 1) -> dict[str, Any]:
    return {"type": kind, "price": price, "vat": vat, "step_size": step_size}


def _standard(vat: str) -> dict[str, Any]:
    return {
        "elements": [
            {
                "price_components": [
                    _component("ENERGY", "0.42", vat),
                    _component("PARKING_TIME", "1.80", vat, step_size=60),
                ]
            }
        ],
        "idle_grace_s": 1800,
    }


def _fast(vat: str) -> dict[str, Any]:
    return {
        "elements": [
            {
                "price_components": [
                    _component("FLAT", "0.50", vat),
                    _component("ENERGY", "0.58", vat),
                    _component("PARKING_TIME", "6.00", vat, step_size=60),
                ]
            }
        ],
        "idle_grace_s": 600,
    }


def _ad_hoc(vat: str) -> dict[str, Any]:
    """What European law allows at 50 kW and above without a contract: energy, and occupancy."""
    return {
        "type": "AD_HOC_PAYMENT",
        "elements": [
            {
                "price_components": [
                    _component("ENERGY", "0.66", vat),
                    _component("PARKING_TIME", "6.00", vat),
                ]
            }
        ],
        "idle_grace_s": 600,
    }


def _fleets(vat: str) -> dict[str, Any]:
    """Less per kWh, and never more than so much on one day."""
    return {
        "elements": [{"price_components": [_component("ENERGY", "0.36", vat)]}],
        "daily_cap": {"excl_vat": "50.00", "incl_vat": "59.50"},
    }


def _day_and_night(vat: str, calendar: str) -> dict[str, Any]:
    """Nights and public holidays are cheaper."""
    return {
        "elements": [
            {
                "price_components": [_component("ENERGY", "0.31", vat)],
                "restrictions": {"start_time": "22:00", "end_time": "06:00"},
            },
            {
                "price_components": [_component("ENERGY", "0.35", vat)],
                "restrictions": {"holiday": True},
            },
            {
                "price_components": [
                    _component("ENERGY", "0.45", vat),
                    _component("TIME", "0.30", vat),
                ]
            },
        ],
        "idle_grace_s": 3600,
        "holiday_calendar": calendar,
    }


# OCPI shape, prices before tax, each country's own rate of it; read through `domain.tariff.form`
# before they are stored.
TARIFFS: dict[str, dict[str, Any]] = {
    AC_TARIFF: _standard(VAT_DE),
    AC_TARIFF_PT: _standard(VAT_PT),
    NIGHT_TARIFF: _day_and_night(VAT_NL, "NL"),
    DC_TARIFF: _fast(VAT_DE),
    DC_TARIFF_NL: _fast(VAT_NL),
    DC_TARIFF_PT: _fast(VAT_PT),
    AD_HOC_OF[DC_TARIFF]: _ad_hoc(VAT_DE),
    AD_HOC_OF[DC_TARIFF_NL]: _ad_hoc(VAT_NL),
    AD_HOC_OF[DC_TARIFF_PT]: _ad_hoc(VAT_PT),
    FLEET_TARIFF: _fleets(VAT_DE),
}

# The next version of AC standard, which waits for somebody to approve it.
DRAFT = {
    "elements": [
        {
            "price_components": [
                _component("ENERGY", "0.39", VAT_DE),
            ],
            "restrictions": {"start_time": "22:00", "end_time": "06:00"},
        },
        {
            "price_components": [
                _component("ENERGY", "0.45", VAT_DE),
                _component("PARKING_TIME", "1.80", VAT_DE),
            ]
        },
    ],
    "idle_grace_s": 1800,
}
DRAFT_NOTE = "Cheaper nights, as the council asked; the day pays for it. Parking by the second."

_GIVEN = "Ada Bruno Carla Dario Edda Farid Greta Hugo Ines Jonas Kaja Luca Mira Nils Olga Pavel"
_FAMILY = "Abend Brook Castel Dorn Ekman Falk"
_FLEETS = ("Bakery on wheels", "City couriers", "Harbour taxis", "Green vans")

ACCOUNTS = (
    *(
        DemoAccount(
            name=f"{given} {_FAMILY.split()[index % 6]}",
            email=f"{given.lower()}@drivers.example",
            billing="card",
        )
        for index, given in enumerate(_GIVEN.split())
    ),
    *(
        DemoAccount(
            name=name, email=f"invoices@{name.split()[0].lower()}.example", billing="invoice"
        )
        for name in _FLEETS
    ),
    DemoAccount(name="Demo staff", email="staff@demo.example", billing="free"),
)


def token_uid(number: int) -> str:
    """The uid of the n-th demo card: seven bytes, as of an ISO 14443 card."""
    return "04" + blake2b(f"demo token {number}".encode(), digest_size=6).hexdigest().upper()


def token_accounts() -> list[DemoAccount]:
    """Whom each of the 30 tokens belongs to: every account has one, the fleets have more."""
    shared = [account for account in ACCOUNTS if account.billing == "invoice"] * 2
    return [*ACCOUNTS, *shared, ACCOUNTS[-1]]


BLOCKED_TOKEN, EXPIRED_TOKEN = token_uid(31), token_uid(32)
