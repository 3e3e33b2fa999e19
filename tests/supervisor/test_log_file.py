"""Log files: bounded, unchanged, and honest about what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.supervisor.log_file import LogFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "web.log"


def test_output_is_kept_as_it_was_printed(path):
    log = LogFile(path)
    log.append(b"first ")
    log.append(b"line\nsecond")
    log.close()
    assert path.read_bytes() == b"first line\nsecond"


def test_a_full_log_becomes_the_older_one_and_both_stay_bounded(path):
    log = LogFile(path, limit_bytes=100)
    for number in range(100):
        log.append(b"%020d" % number)
    log.close()
    older = path.with_suffix(".log.1")
    assert path.stat().st_size <= 100
    assert older.stat().st_size == 100
    assert (older.read_bytes() + path.read_bytes()).endswith(b"%020d%020d" % (98, 99))


def test_a_log_is_continued_by_the_next_process_of_the_name(path):
    for word in (b"one\n", b"two\n"):
        log = LogFile(path)
        log.append(word)
        log.close()
    assert path.read_bytes() == b"one\ntwo\n"


def test_the_last_line_is_the_last_that_says_something(path):
    log = LogFile(path)
    assert log.last_line() == ""
    log.append("Traceback\nValueError: caf\u00e9\n\n  \n".encode())
    assert log.last_line() == "ValueError: caf\u00e9"
    log.close()


def test_a_very_long_line_is_shortened_for_the_terminal_only(path):
    log = LogFile(path)
    log.append(b"the beginning says what it is: " + b"x" * 3_000 + b"\n")
    log.close()
    assert log.last_line().startswith("the beginning says what it is: xxx")
    assert len(log.last_line()) < 130
    assert path.stat().st_size == 3_032


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_full_disk_drops_output_and_says_afterwards_how_much(path, tmp_path):
    path.symlink_to("/dev/full")
    log = LogFile(path)
    log.append(b"12345")
    log.append(b"678")
    healed = (tmp_path / "healed.log").open("ab", buffering=0)
    log.close()
    log._file = healed
    log.append(b"after\n")
    log.close()
    assert (tmp_path / "healed.log").read_bytes() == b"\n[8 bytes could not be written]\nafter\n"
