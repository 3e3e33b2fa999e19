"""Topics the console was not told of survive the process."""

from __future__ import annotations

from broker_runtime.telemetry.created_topics import FILE, CreatedTopicsFile


def test_names_are_there_after_a_restart_until_they_were_taken(tmp_path):
    file = CreatedTopicsFile(tmp_path)
    file.keep(("plant", "院子"))
    again = CreatedTopicsFile(tmp_path)

    names = again.load()
    again.keep(())

    assert names == ("plant", "院子")
    assert CreatedTopicsFile(tmp_path).load() == ()
    assert not (tmp_path / FILE).exists()


def test_a_damaged_file_is_said_and_left_behind(tmp_path, caplog):
    (tmp_path / FILE).write_bytes(b'["plant')

    assert CreatedTopicsFile(tmp_path).load() == ()
    assert "created_topics_unreadable" in caplog.text


def test_a_folder_that_cannot_be_written_is_said_and_tried_again(tmp_path, caplog):
    file = CreatedTopicsFile(tmp_path / "later")
    file.keep(("plant",))
    (tmp_path / "later").mkdir()
    file.keep(("plant",))

    assert "created_topics_not_kept" in caplog.text
    assert CreatedTopicsFile(tmp_path / "later").load() == ("plant",)
