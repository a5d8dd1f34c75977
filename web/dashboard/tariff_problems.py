"""What is wrong or unwise in a tariff as typed, and beside which field of the form it belongs.

The reader of a body stops at its first complaint. Somebody who fills in a form wants all of them,
so each is noted, its part taken out, and the rest read again.
"""

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.version import TariffInvalid, TariffVersion
from web.wording import words

PROBLEMS_MAX = 50
_ROW = re.compile(r"(elements|allowances)\[(\d+)\]")
_COMPONENT = re.compile(r"elements\[(\d+)\]\.price_components\[(\d+)\]")
_PATH = re.compile(
    r"(?:elements|allowances)\[\d+\][\w.\[\]]*|(?:min_price|max_price|daily_cap)(?:\.\w+)?"
    r"|idle_grace_s|tax_included|holiday_calendar|holidays|currency|type"
)
LABELS = {
    "vat": "VAT",
    "step_size": "step",
    "start_time": "from",
    "end_time": "until",
    "start_date": "from date",
    "end_date": "until date",
    "day_of_week": "days",
    "min_kwh": "energy from",
    "max_kwh": "energy below",
    "min_power": "power from",
    "max_power": "power below",
    "min_current": "current from",
    "max_current": "current below",
    "min_duration": "duration from",
    "max_duration": "duration below",
    "user_groups": "user groups",
    "elements": "element",
    "price_components": "price",
    "allowances": "allowance",
    "spot": "market price",
    "min_price": "least price",
    "max_price": "greatest price",
    "daily_cap": "cap per day",
    "excl_vat": "before tax",
    "incl_vat": "after tax",
    "idle_grace_s": "free parking after charging",
    "tax_included": "tax",
    "holiday_calendar": "holiday calendar",
    "json": "JSON",
}
FORM_WORDS = (
    ("use REGULAR or AD_HOC_PAYMENT", "say for whom it is, regular or ad hoc payment"),
    ("set tax_included to YES", "say that prices are after tax"),
    ("set tax_included to N/A", "say that no tax applies"),
    ("tax_included says", "the draft says"),
    ("set holiday_calendar", "name a holiday calendar"),
    ("min_price", "the least price"),
    ("max_price", "the greatest price"),
    ("daily_cap", "the cap per day"),
    (".excl_vat", " before tax"),
    (".incl_vat", " after tax"),
)
"""What the advice says in a body's words, as the form has it."""

_COUNTED = ("elements", "price_components", "allowances")
_DURATIONS = ("min_duration", "max_duration", "idle_grace_s")
_DURATION_EXPECTED = 'use a duration such as "15 min", "2 h" or "90 s"'
_FILLING = {"price_components": [{"type": "FLAT", "price": "0"}]}
SEVERITIES = (Severity.BLOCK, Severity.REVIEW, Severity.NOTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A problem or a finding. `slot` is where the page shows it, `field` the input it is about."""

    slot: str
    field: str
    place: str
    text: str
    severity: Severity


def problems_of(
    body: Mapping[str, Any], currency: str
) -> tuple[tuple[Said, ...], TariffVersion | None]:
    """All that cannot be read, and the tariff where nothing is."""
    rest: dict[str, Any] = copy.deepcopy({**body, "id": "draft", "currency": currency})
    said: list[Said] = []
    while len(said) < PROBLEMS_MAX:
        try:
            tariff = tariff_from_json(rest)
        except TariffInvalid as error:
            said.append(problem_said(error))
            if not _taken_out(rest, error.field):
                break
        else:
            return tuple(said), None if said else tariff
    return tuple(said), None


def problem_said(error: TariffInvalid) -> Said:
    """A complaint of the reader of bodies."""
    value = str(error.value)[:80]
    name = error.field.rpartition(".")[2]
    expected = _DURATION_EXPECTED if name in _DURATIONS else error.expected
    text = f"“{value}”: {expected}" if value not in ("", "None") else f"is empty: {expected}"
    return _said(error.field, text, Severity.BLOCK)


def findings_said(findings: Iterable[Finding]) -> tuple[Said, ...]:
    """Findings of lint with their places, in the form's words, the worst first."""
    said = []
    for finding in findings:
        match = _PATH.match(finding.detail)
        path = match[0] if match else ""
        text = finding.detail[len(path) :].lstrip(": ") if path else finding.detail
        for named, said_so in FORM_WORDS:
            text = text.replace(named, said_so)
        said.append(_said(path, text[:1].upper() + text[1:], finding.severity))
    return tuple(sorted(said, key=lambda one: SEVERITIES.index(one.severity)))


def slot_of(path: str) -> str:
    """The place on the page of a path: of a price, an element, an allowance, or the settings."""
    if match := _COMPONENT.match(path):
        return f"said-element-{match[1]}-price-{match[2]}"
    if match := _ROW.match(path):
        return f"said-{match[1].removesuffix('s')}-{match[2]}"
    return "said-tariff"


def place_of(path: str) -> str:
    """A path for people: "Element 1, price 2, step size"."""
    if not path:
        return ""
    parts = []
    for name, number in re.findall(r"(\w+)(?:\[(\d+)\])?", path):
        if name == "restrictions":
            continue
        text = LABELS.get(name, words(name).lower())
        parts.append(f"{text} {int(number) + 1}" if number and name in _COUNTED else text)
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def _said(path: str, text: str, severity: Severity) -> Said:
    return Said(
        slot=slot_of(path),
        field=re.sub(r"\[(\d+)\]", r".\1", path),
        place=place_of(path),
        text=text,
        severity=severity,
    )


def _taken_out(body: dict[str, Any], path: str) -> bool:
    """Put something harmless where the complaint was; False where there is no such place."""
    if match := _COMPONENT.match(path):
        rows = body["elements"][int(match[1])]["price_components"]
        rows[int(match[2])] = {"type": "FLAT", "price": "0"}
        return True
    if match := _ROW.match(path):
        if match[1] == "allowances":
            return False  # the last that is read; without it the others' numbers would be off
        rows, number = body[match[1]], int(match[2])
        row = rows[number]
        in_restrictions = ".restrictions" in path or "price_components" not in path
        if isinstance(row, dict) and in_restrictions and "restrictions" in row:
            del row["restrictions"]
        elif row == _FILLING:
            return False
        else:
            rows[number] = copy.deepcopy(_FILLING)
        return True
    name = path.partition(".")[0].partition("[")[0].strip()
    if name in ("elements", "id", "currency") or name not in body:
        return False
    del body[name]
    return True
