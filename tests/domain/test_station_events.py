"""How urgent is an event: the station's word first, then what happened."""

import pytest

from holdfast.domain.station_events import Urgency, urgency


@pytest.mark.parametrize(
    ("kind", "name", "severity", "expected"),
    [
        ("monitor", "Delta", 0, Urgency.CRITICAL),
        ("monitor", "Delta", 3, Urgency.CRITICAL),
        ("monitor", "Delta", 4, Urgency.WARNING),
        ("monitor", "Delta", 7, Urgency.INFORMATION),
        ("security", "TamperDetectionActivated", None, Urgency.CRITICAL),
        ("security", "TamperDetectionActivated", 9, Urgency.INFORMATION),
        ("security", "StartupOfTheDevice", None, Urgency.INFORMATION),
        ("security", "what this vendor calls it", None, Urgency.WARNING),
        ("der_alarm", "OverVoltage", None, Urgency.WARNING),
        ("firmware", "InstallationFailed", None, Urgency.WARNING),
        ("log", "BadMessage", None, Urgency.WARNING),
        ("log", "Uploaded", None, Urgency.INFORMATION),
        ("charging_limit", None, None, Urgency.INFORMATION),
    ],
)
def test_an_event_is_as_urgent_as_it_says_or_as_its_name_is(
    kind: str, name: str | None, severity: int | None, expected: Urgency
) -> None:
    assert urgency(kind, name, severity) is expected
