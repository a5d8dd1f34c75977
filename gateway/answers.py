"""What stations answer to our calls, as facts: the same kind as what they say by themselves.

Pure. An answer that says nothing to keep is None; one of a wrong shape never raises.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from gateway.v16.configuration import configuration
from gateway.v16.configuring import changed_configuration
from gateway.v201.configuring import (
    cleared_monitors,
    got_variables,
    monitoring_promised,
    report_promised,
    set_monitors,
    set_variables,
)
from holdfast.contracts.facts import Fact

logger = structlog.get_logger()

AnswerReader = Callable[[Mapping[str, Any], Mapping[str, Any], datetime], Fact | None]

_V16: Final[Mapping[str, AnswerReader]] = {
    "ChangeConfiguration": changed_configuration,
    "GetConfiguration": configuration,
}
_V2: Final[Mapping[str, AnswerReader]] = {
    "ClearVariableMonitoring": cleared_monitors,
    "GetBaseReport": report_promised,
    "GetMonitoringReport": monitoring_promised,
    "GetReport": report_promised,
    "GetVariables": got_variables,
    "SetVariableMonitoring": set_monitors,
    "SetVariables": set_variables,
}
READERS: Final[Mapping[str, Mapping[str, AnswerReader]]] = {
    "ocpp1.6": _V16,
    "ocpp2.0.1": _V2,
    "ocpp2.1": _V2,
}


def answer_fact(
    protocol: str,
    action: str,
    request: Mapping[str, Any],
    response: Mapping[str, Any],
    at: datetime,
) -> Fact | None:
    """What a CALLRESULT (`response`) to our call (`request`) tells of the station, at `at`, its
    receipt. None where it tells nothing that is kept."""
    read = READERS.get(protocol, {}).get(action)
    if read is None:
        return None
    try:
        return read(request, response, at)
    except Exception:
        # The order has its answer either way; a shape that nobody foresaw must not cost it.
        logger.exception("answer_reader_broke", protocol=protocol, action=action)
        return None
