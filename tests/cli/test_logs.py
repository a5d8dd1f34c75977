"""Logs of children stay small while the children go on writing."""

import os
from pathlib import Path

from cli.logs import open_log, rotate, tail


def test_a_long_log_is_cut_while_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "gateway.log"
    descriptor = open_log(path)
    os.write(descriptor, b"old line\n" * 100)

    rotated = rotate(path, bytes_max=500)
    os.write(descriptor, b"new line\n")
    os.close(descriptor)

    assert rotated
    assert path.read_bytes() == b"new line\n"
    assert (tmp_path / "gateway.log.1").read_bytes() == b"old line\n" * 100


def test_only_so_many_old_logs_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "gateway.log"
    for number in range(6):
        path.write_text(f"{number}" * 100)
        assert rotate(path, bytes_max=10, copies_max=3)

    copies = sorted(tmp_path.glob("gateway.log.*"))
    assert [copy.read_text()[0] for copy in copies] == ["5", "4", "3"]


def test_a_short_log_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gateway.log"
    path.write_text("short")

    assert not rotate(path, bytes_max=5)
    assert not rotate(tmp_path / "missing.log")
    assert path.read_text() == "short"


def test_the_last_words_are_the_last_lines_that_say_something(tmp_path: Path) -> None:
    path = tmp_path / "api.log"
    path.write_text("x" * 20_000 + "\none\n\ntwo\n")

    assert tail(path, lines_max=2) == ["one", "two"]
    assert tail(tmp_path / "missing.log") == []
