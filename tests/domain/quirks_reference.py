"""Write docs/reference/quirks.md anew: `python -m tests.domain.quirks_reference`.

The page is made of the enum, its meanings and the shipped rules; a test says when it is old.
"""

import json
from pathlib import Path

from holdfast.domain.quirk_rules import SHIPPED
from holdfast.domain.quirks import MEANINGS, Quirk, Rule

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/quirks.md"

KINDS = {
    "flag": "true or false",
    "seconds": "whole seconds, 0 to 600",
    "multiplier": 'a number as text, such as "0.001"',
    "volts": "volts of one phase, whole, 1 to 1000",
    "separator": "1 to 3 characters",
}

HEAD = """# Quirks of models

What stations of a model do otherwise than OCPP says, and what Holdfast does about it.
This page is generated: change `holdfast/domain/quirks.py` or `holdfast/domain/quirk_rules.py`, then run `python -m tests.domain.quirks_reference`.

A rule names stations by vendor, model and firmware, as they said at their last boot.
Patterns know `*` and `?` and no case; what a station has not said matches only `*`.
A firmware may also be a range such as `>=6.0, <7`: versions are compared by their numbers.
Of several rules for one quirk the most specific counts: firmware named before model, model before vendor, then the longer pattern, then your own before a shipped one.
The value `false` takes a quirk away from the stations that a rule names.

Rules are edited on the page *Quirks* or with `/api/v1/quirk-rules`, by roles that may change stations, and every change is in the audit log.
A rule of yours that `replaces` a shipped one stands in its place; delete it, and the shipped one holds again.
Gateways hear of an edit at once, and it holds for the stations that are connected, except where the table says "next connection".
A station that boots with another firmware is judged anew.

The frame is always kept as the station sent it.
Where a quirk changed what it means, the message log says so (`adjusted: stop_carries_kwh`).
"""  # noqa: E501 - a sentence per line, as in all documents


def reference() -> str:
    """The whole page."""
    lines = [HEAD, "## Quirks", "", "| quirk | the station | so | value | holds from |"]
    lines.append("|---|---|---|---|---|")
    for quirk in Quirk:
        meaning = MEANINGS[quirk]
        since = "at once" if meaning.at_once else "next connection"
        value = KINDS[meaning.value]
        lines.append(f"| `{quirk.value}` | {meaning.does} | {meaning.remedy} | {value} | {since} |")
    lines += ["", "## Where each is applied", ""]
    lines += [f"- `{quirk.value}`: {MEANINGS[quirk].applied}" for quirk in Quirk]
    lines += ["", "## Shipped rules", "", "| rule | stations | quirk | value | seen | source |"]
    lines.append("|---|---|---|---|---|---|")
    lines += [_row(rule) for rule in SHIPPED]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    named = [
        f"{field} `{pattern}`"
        for field, pattern in (
            ("vendor", rule.vendor),
            ("model", rule.model),
            ("firmware", rule.firmware),
        )
        if pattern != "*"
    ]
    cells = (
        f"`{rule.name}`",
        ", ".join(named),
        f"`{rule.quirk.value}`",
        f"`{json.dumps(rule.value)}`",
        rule.note,
        rule.source or "",
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(reference())
