"""One node per data folder; files appear whole."""

from __future__ import annotations

import stat
import subprocess
import sys

import pytest

from broker_runtime.data_folder import DataFolder, FolderUnusable, write_durably

HOLD = (
    "import sys, pathlib; from broker_runtime.data_folder import DataFolder; "
    "DataFolder(pathlib.Path(sys.argv[1])).acquire(); print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "node")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_folder_is_made_private(tmp_path):
    folder = DataFolder(tmp_path / "a" / "node")
    folder.acquire()
    folder.release()

    assert stat.S_IMODE((tmp_path / "a" / "node").stat().st_mode) == 0o700


def test_a_second_node_is_refused_and_told_who_runs(tmp_path, holder):
    with pytest.raises(FolderUnusable, match=f"another node runs.*process {holder.pid}"):
        DataFolder(tmp_path / "node").acquire()


def test_the_folder_of_a_killed_node_is_free_at_once(tmp_path, holder):
    holder.kill()
    holder.wait()

    folder = DataFolder(tmp_path / "node")
    folder.acquire()
    folder.release()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(FolderUnusable, match="--data .*file"):
        DataFolder(tmp_path / "file").acquire()


def test_a_write_that_fails_leaves_the_old_content_and_no_draft(tmp_path):
    path = tmp_path / "kept.json"
    write_durably(path, b"old")
    (tmp_path / "folder").mkdir()

    with pytest.raises(OSError, match="folder"):
        write_durably(tmp_path / "folder", b"new")

    assert path.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "kept.json"]
