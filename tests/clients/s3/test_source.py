import os

import pytest

from quackcore_async.clients.s3.source import read_into
from quackcore_async.errors import ConflictError
from quackcore_async.storage.files import SourceFile


def test_a_sparse_file_beyond_4_gib_is_read_at_its_end(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(6 * 1024**3)
        file.seek(6 * 1024**3 - 3)
        file.write(b"end")
    source = SourceFile(path)
    with source.opened():
        memory = memoryview(bytearray(3))
        read_into(source, memory, source.size - 3)
    assert bytes(memory) == b"end"


def test_a_file_that_shrinks_is_a_conflict_not_a_short_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    source = SourceFile(path)
    with source.opened():
        os.truncate(path, 2)
        with pytest.raises(ConflictError) as caught:
            read_into(source, memoryview(bytearray(10)), 0)
    assert caught.value.code == "source_changed"
