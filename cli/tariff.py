"""`holdfast tariff price FILE` and `holdfast tariff lint FILE`: JSON in, JSON out, no installation.

The reader is `holdfast.domain`, so a price here is the price of the API, the receipt and the CDR.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.cdr import (
    COSTS,
    price_record,
    read_record,
    session_costs,
    tariffs_of,
)
from holdfast.domain.pricing.cdr_check import check_cdr
from holdfast.domain.pricing.record import Record, RecordInvalid
from holdfast.domain.tariff.foreign import foreign_tariff
from holdfast.domain.tariff.lint import lint_tariff
from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import TariffInvalid

BYTES_MAX = 16 * 1024 * 1024
DECIMALS = 30
"""Of an amount that has no end: cut off, so that rounding it half up gives what rounding the
exact amount would."""

DIGITS_MAX = 1_000
"""Of a whole number; the interpreter itself refuses some thousands."""

BAD_INPUT = 2
FORBIDDEN = 1

_COUNTRY = re.compile(r"[A-Za-z]{2}")
_FRACTION = re.compile(r"-?\d+/\d+")

tariff = typer.Typer(
    name="tariff",
    help="Price a charge detail record, or look for mistakes in a tariff. Needs no database.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
File = Annotated[str, typer.Argument(metavar="FILE", help="A JSON file, or - for standard input.")]


@tariff.command("price")
def price_command(file: File) -> None:
    """Price a record (tariff, cdr, time_zone, context) and print what it costs and why, as JSON.

    Exact decimal strings; exit 2 for input that cannot be read.
    """
    try:
        record = read_record(read_json(file))
    except RecordInvalid as problem:
        refuse(file, complaint(problem))
    typer.echo(json.dumps(priced_json(record), indent=2))


@tariff.command("lint")
def lint_command(
    file: File,
    country: Annotated[
        str | None, typer.Option(help="Country of the site, such as DE: its tax and currency.")
    ] = None,
    power_w: Annotated[
        int | None,
        typer.Option(min=0, max=10_000_000, help="Power of the strongest EVSE, such as 150000."),
    ] = None,
    ad_hoc: Annotated[
        bool, typer.Option("--ad-hoc", help="Drivers without a contract pay it (AFIR).")
    ] = False,
    calibration_law: Annotated[
        bool, typer.Option("--calibration-law", help="Prices change at signed readings only.")
    ] = False,
) -> None:
    """Look for mistakes in a tariff, or in those of a record, and print the findings as JSON.

    Exit 1 where one of them forbids using the tariff, 2 for input that cannot be read.
    """
    if country is not None and not _COUNTRY.fullmatch(country):
        raise typer.BadParameter(
            f"{country[:40]!r}: use two letters, such as DE", param_hint="--country"
        )
    place = LintPlace(
        country=None if country is None else country.upper(),
        max_power_w=power_w,
        ad_hoc=ad_hoc,
        calibration_law=calibration_law,
    )
    try:
        findings = linted(read_json(file), place)
    except TariffInvalid as problem:
        refuse(file, complaint(problem))
    shown = {"findings": [finding.to_json() for finding in findings]}
    typer.echo(json.dumps(shown, indent=2))
    if any(finding.severity is Severity.BLOCK for finding in findings):
        raise typer.Exit(FORBIDDEN)


def priced_json(record: Record) -> dict[str, Any]:
    """What `price` prints. Every `excl_vat` and `incl_vat` is exact but for those of `rounded`."""
    priced = price_record(record)
    checked = (*record.findings, *check_cdr(record, priced))
    if priced is None:
        nothing = {"excl_vat": None, "incl_vat": None}
        return {
            **dict.fromkeys(COSTS, nothing),
            "currency": record.stated.currency,
            "credit": record.credit,
            "breakdown": [],
            "adjustments": [],
            "totals": {},
            "findings": [finding.to_json() for finding in checked],
        }
    costs = session_costs(record, priced)
    shown: dict[str, Any] = price_to_json(priced)
    details = shown["breakdown"]
    total = priced.credited() if record.credit else priced
    return {
        **{
            name: {"excl_vat": exact_decimal(excl), "incl_vat": exact_decimal(incl)}
            for name, (excl, incl) in costs.items()
        },
        "currency": shown["currency"],
        "rounded": {
            "total_cost": {
                "excl_vat": None if total.excl is None else total.excl.decimal_text(),
                "incl_vat": total.incl.decimal_text(),
            },
        },
        "credit": record.credit,
        "tariffs": list(priced.tariff_ids),
        "breakdown": exact_amounts(details["lines"]),
        "adjustments": exact_amounts(details["adjustments"]),
        "totals": exact_amounts(details["totals"]),
        "findings": [finding.to_json() for finding in dict.fromkeys((*priced.findings, *checked))],
    }


def linted(value: object, place: LintPlace) -> tuple[Finding, ...]:
    """The findings of one tariff, or of all tariffs of a record. Raises `TariffInvalid`."""
    is_record = isinstance(value, Mapping) and ("tariff" in value or "cdr" in value)
    if isinstance(value, Mapping) and (is_record or "tariffs" in value):
        tariffs = tariffs_of(value)
        if not tariffs:
            raise TariffInvalid("tariff", None, "use a record with a tariff")
    else:
        tariffs = [foreign_tariff(value)]
    findings: list[Finding] = []
    for read in tariffs:
        found = [*read.findings]
        if read.version is not None:
            found += lint_tariff(read.version, place)
        if len(tariffs) > 1:
            found = [
                Finding(code=item.code, severity=item.severity, detail=f"{read.id}: {item.detail}")
                for item in found
            ]
        findings += found
    return tuple(dict.fromkeys(findings))


def exact_amounts(value: Any) -> Any:
    """A part of a breakdown with its exact amounts in place of the rounded ones."""
    if isinstance(value, list):
        return [exact_amounts(item) for item in value]
    if isinstance(value, str) and _FRACTION.fullmatch(value):
        return exact_decimal(Fraction(value))
    if not isinstance(value, dict):
        return value
    exact = {name: exact_amounts(item) for name, item in value.items()}
    for side in ("excl_vat", "incl_vat"):
        if f"{side}_exact" in exact:
            exact[side] = exact.pop(f"{side}_exact")
    return exact


def exact_decimal(value: Fraction | None) -> str | None:
    """All digits of a decimal; 30 decimals, cut off, of one that has no end."""
    if value is None:
        return None
    scaled = abs(value.numerator) * 10**DECIMALS // value.denominator
    whole, part = divmod(scaled, 10**DECIMALS)
    text = f"{whole}.{part:0{DECIMALS}}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 and scaled else text


def read_json(file: str) -> object:
    """The content of a file or of standard input, its numbers as `Decimal`. Leaves with 2."""
    try:
        if file == "-":
            content = sys.stdin.buffer.read(BYTES_MAX + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(BYTES_MAX + 1)
    except OSError as problem:
        refuse(file, f"cannot be read: {(problem.strerror or str(problem)).lower()}")
    if len(content) > BYTES_MAX:
        refuse(file, f"has more than {BYTES_MAX // 1024 // 1024} MiB: price fewer periods at once")
    if not content.strip():
        refuse(file, "is not JSON: it is empty")
    try:
        return json.loads(
            content,
            object_pairs_hook=_object,
            parse_float=_decimal,
            parse_int=_whole,
            parse_constant=_not_a_number,
        )
    except RecursionError:
        refuse(file, "is not JSON that can be read: too deeply nested")
    except ValueError as problem:
        refuse(file, f"is not JSON: {str(problem)[:200]}")


def complaint(problem: RecordInvalid | TariffInvalid) -> str:
    """The field, its value, what would be right: a field that is not there has no value."""
    if problem.value is None:
        return f"{problem.field} is missing: {problem.expected}"
    return str(problem)


def refuse(file: str, reason: str) -> NoReturn:
    """One sentence on standard error and exit code 2."""
    name = "standard input" if file == "-" else file
    typer.echo(f"holdfast: {name}: {reason}", err=True)
    raise typer.Exit(BAD_INPUT)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Of two prices of one component nobody knows which one was meant."""
    made = dict(pairs)
    if len(made) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"{twice[:80]!r} is there more than once in one object")
    return made


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:  # an exponent beyond 18 digits
        raise ValueError(f"{text[:40]} is a number that nothing can hold") from None


def _whole(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise ValueError(
            f"{text[:20]}… is a number of {len(text)} digits: use at most {DIGITS_MAX}"
        )
    return int(text)


def _not_a_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
