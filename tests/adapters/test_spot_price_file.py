"""Files of market prices are written by others: what is good is read exactly, the rest is named."""

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.adapters.spot_price_file import SpotPriceFolder, read_file
from holdfast.contracts.ports import SpotPricesUnreadable, SpotReading

HOUR = timedelta(hours=1)


def reading(folder: Path, text: str, name: str = "DE-LU.csv") -> SpotReading:
    (folder / name).write_text(text, encoding="utf-8")
    return read_file(folder, name.partition(".")[0])


def test_prices_per_mwh_become_exact_prices_per_kwh(tmp_path: Path) -> None:
    found = reading(
        tmp_path,
        "starts_at,ends_at,eur_per_mwh\n"
        "2026-11-22T10:00:00+01:00,2026-11-22T11:00:00+01:00,91.37\n"
        "2026-11-22T11:00:00+01:00,2026-11-22T11:15:00+01:00,-0.005\n",
    )

    assert found.currency == "EUR"
    assert found.problems == ()
    first, second = found.intervals
    assert (first.starts_at, first.ends_at) == (
        datetime(2026, 11, 22, 9, tzinfo=UTC),
        datetime(2026, 11, 22, 10, tzinfo=UTC),
    )
    assert first.price == Decimal("0.09137")
    assert second.price == Decimal("-0.000005")


def test_both_passes_of_an_hour_are_told_apart_and_the_missing_hour_is_no_hole(
    tmp_path: Path,
) -> None:
    autumn = reading(
        tmp_path,
        "starts_at;price_per_kwh\n"
        "2026-10-25T01:00:00+02:00;0,10\n"
        "2026-10-25T02:00:00+02:00;0,20\n"
        "2026-10-25T02:00:00+01:00;0,30\n"
        "2026-10-25T03:00:00+01:00;0,40\n",
    )
    spring = reading(
        tmp_path,
        "starts_at,price_per_kwh\n"
        "2026-03-29T01:00:00+01:00,1\n2026-03-29T03:00:00+02:00,2\n2026-03-29T04:00:00+02:00,3\n",
    )

    assert [interval.price for interval in autumn.intervals] == [
        Decimal("0.1"),
        Decimal("0.2"),
        Decimal("0.3"),
        Decimal("0.4"),
    ]
    for found in (autumn, spring):
        assert all(each.ends_at - each.starts_at == HOUR for each in found.intervals)
        assert found.intervals[-1].starts_at - found.intervals[0].starts_at == HOUR * (
            len(found.intervals) - 1
        )


def test_a_bad_row_is_named_by_its_line_and_costs_no_other(tmp_path: Path) -> None:
    found = reading(
        tmp_path,
        "# day-ahead\nstarts_at_utc,price_per_kwh\n"
        "2026-11-22T10:00,0.1\n"
        "2026-11-22T11:00,n/a\n"
        "2026-11-22T12:07,0.1\n"
        "2026-11-22T13:00,0.4\n"
        "2026-11-22T10:00,0.9\n"
        "yesterday,0.1\n"
        "2026-11-22T14:00\n"
        "2026-11-22T15:00,5000\n"
        "2026-11-22T16:00,0.6\n2026-11-22T17:00,0.7\n2026-11-22T17:00,0.7\n",
    )

    assert [(each.starts_at.hour, each.price) for each in found.intervals] == [
        (10, Decimal("0.1")),
        (13, Decimal("0.4")),
        (16, Decimal("0.6")),
        (17, Decimal("0.7")),
    ]
    assert all(each.ends_at - each.starts_at == HOUR for each in found.intervals)
    assert found.left_out == 6
    named = " ".join(found.problems)
    for line in (4, 5, 7, 8, 9, 10):
        assert f"line {line}:" in named


def test_a_file_without_ends_does_not_bridge_its_holes(tmp_path: Path) -> None:
    found = reading(
        tmp_path,
        "starts_at,price_per_kwh\n2026-11-22T10:00Z,1\n2026-11-22T10:15Z,2\n2026-11-22T11:00Z,3\n",
    )

    assert [each.ends_at - each.starts_at for each in found.intervals] == [HOUR / 4] * 3


def test_numbers_of_a_json_file_are_the_decimals_that_were_written(tmp_path: Path) -> None:
    found = reading(
        tmp_path,
        '{"unit": "EUR/MWh", "prices": ['
        '{"starts_at": "2026-11-22T10:00Z", "ends_at": "2026-11-22T11:00Z", "price": 100.1},'
        '{"starts_at": "2026-11-22T11:00Z", "ends_at": "2026-11-22T12:00Z", "price": "7"},'
        '{"starts_at": "2026-11-22T12:00", "price": 7}, 7, {"price": NaN}]}',
        name="FR.json",
    )

    assert [each.price for each in found.intervals] == [Decimal("0.1001"), Decimal("0.007")]
    assert found.left_out == 3
    assert "price 3:" in found.problems[0]
    assert "zone" in found.problems[0]


def test_the_files_of_the_how_to_can_be_read_as_they_are(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/howto/spot-prices.md").read_text(encoding="utf-8")
    for kind, name, prices in (("text", "A.csv", 2), ("json", "B.json", 1)):
        block = page.partition(f"```{kind}\n")[2].partition("```")[0]
        found = reading(tmp_path, block, name=name)

        assert (len(found.intervals), found.problems, found.currency) == (prices, (), "EUR")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("A.csv", "", "first line"),
        ("A.csv", "starts_at,price\n2026-11-22T10:00Z,1\n", "unit"),
        ("A.csv", "starts_at,eur_per_kwh,eur_per_mwh\n", "one column"),
        ("A.json", "[" * 100_000, "not JSON"),
        ("A.json", '{"prices": []}', "EUR/MWh"),
        ("A.txt", "starts_at,price_per_kwh\n", "no file"),
    ],
    ids=["empty", "no unit", "two prices", "deep", "no unit in JSON", "another kind"],
)
def test_a_file_that_does_not_say_what_it_is_is_not_used(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(SpotPricesUnreadable, match=said):
        reading(tmp_path, text, name=name)


@pytest.mark.parametrize("key", ["../secret", "a/b", ".hidden", "", "x" * 65, "a\0b"])
def test_a_key_names_no_file_elsewhere(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    (tmp_path / "secret.csv").write_text("starts_at,price_per_kwh\n2026-11-22T10:00Z,1\n")

    with pytest.raises(SpotPricesUnreadable, match="cannot name a file"):
        read_file(folder, key)


async def test_links_out_of_the_folder_pipes_and_huge_files_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    (tmp_path / "secret.csv").write_text("starts_at,price_per_kwh\n2026-11-22T10:00Z,1\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    os.mkfifo(folder / "pipe.csv")
    with (folder / "huge.csv").open("wb") as file:
        file.truncate(9 * 1_048_576)

    for key, said in (("link", "out of the folder"), ("pipe", "plain file"), ("huge", "larger")):
        with pytest.raises(SpotPricesUnreadable, match=said):
            await SpotPriceFolder(str(folder)).read(key)
    with pytest.raises(SpotPricesUnreadable, match="no folder"):
        await SpotPriceFolder(None).read("link")
