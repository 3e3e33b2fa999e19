"""The home folder: private, used by one supervisor at a time."""

from __future__ import annotations

import os
import stat

import pytest

from console.supervisor.home import Home, HomeUnusable, write_private


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "deep" / "home")
    home.prepare()
    return home


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_every_folder_is_for_its_user_alone(home):
    for folder in (home.path, home.run, home.logs, home.valkey, home.path / "nodes"):
        assert mode(folder) == 0o700


def test_a_home_that_others_could_read_is_closed_again(home):
    home.path.chmod(0o755)
    home.prepare()
    assert mode(home.path) == 0o700


def test_a_second_supervisor_is_refused_and_told_who_holds_the_home(home):
    held = home.lock()
    with pytest.raises(HomeUnusable, match=rf"already running .*process {os.getpid()}\)"):
        home.lock()
    os.close(held)
    os.close(home.lock())


def test_a_lock_left_behind_by_a_dead_supervisor_does_not_matter(home):
    (home.run / "supervisor.lock").write_text("999999999999\n")
    os.close(home.lock())
    assert (home.run / "supervisor.lock").read_text() == f"{os.getpid()}\n"


def test_a_home_that_cannot_be_made_says_so_and_names_the_variable(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(HomeUnusable, match="SIGNALBOX_HOME"):
        Home(tmp_path / "file" / "home").prepare()


def test_a_private_file_replaces_the_one_before_it_and_is_private(home):
    path = home.run / "control.token"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert list(home.run.iterdir()) == [path]
