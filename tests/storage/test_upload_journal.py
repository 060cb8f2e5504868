"""The journals of uploads lie where logins do, for nobody else to see."""

import os
import stat

import pytest

from quackcore_async.storage.upload_journal import UploadJournal


@pytest.mark.parametrize("umask", [0o022, 0o777])
def test_folders_and_journals_are_private_whatever_the_umask(tmp_path, monkeypatch, umask):
    home = tmp_path / "some" / ".quack"
    monkeypatch.setenv("QUACK_HOME", str(home))
    journal = UploadJournal(("https://s3.test", "bucket", "key"), "/source")
    before = os.umask(umask)
    try:
        assert journal.open()
    finally:
        os.umask(before)
    journal.begin("fingerprint", "upload", "token")
    journal.close()
    (path,) = (home / "uploads").iterdir()
    assert [stat.S_IMODE(place.stat().st_mode) for place in (home, home / "uploads")] == [0o700, 0o700]
    assert not stat.S_IMODE(path.stat().st_mode) & 0o077
