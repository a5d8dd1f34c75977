"""What OCPP 1.6 stations answer to a changed configuration key (section 5.3)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from gateway.reading import text
from gateway.v16.configuration import KEY_LENGTH_MAX, NO_COMPONENT
from holdfast.contracts.facts import SettingResult, SettingsAnswered, SettingStatus
from holdfast.domain.variables import VALUE_LENGTH_MAX, is_secret

STATUSES: Final[Mapping[str, SettingStatus]] = {
    "accepted": "accepted",
    "rebootrequired": "needs_reboot",
    "rejected": "rejected",
    "notsupported": "not_known",
}


def changed_configuration(
    request: Mapping[str, Any], response: Mapping[str, Any], at: datetime
) -> SettingsAnswered | None:
    """ChangeConfiguration's answer; None for one without a status that we know."""
    key = text(request, "key", KEY_LENGTH_MAX)
    word = text(response, "status", 40) or ""
    status = STATUSES.get(word.casefold())
    if key is None or status is None:
        return None
    value = text(request, "value", VALUE_LENGTH_MAX) or ""
    result = SettingResult(
        component=NO_COMPONENT,
        variable=key,
        value=None if is_secret(key) else value,
        status=status,
        word=word,
    )
    return SettingsAnswered(at=at, results=(result,))
