import pytest
from pydantic import TypeAdapter

from quackcore_async.protocols import RemoteFile, StorageCapabilities, UploadOptions, remote_id_of
from quackcore_async.results import IntegrationResult

FILE: RemoteFile = {
    "name": "a.txt",
    "path": "docs/a.txt",
    "size": 3,
    "last_modified": None,
    "url": "s3://bucket/docs/a.txt",
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [({}, "docs/a.txt"), ({"id": "17"}, "17"), ({"id": ""}, "docs/a.txt"), ({"id": 17}, "17")],
)
def test_identifier_is_the_id_where_there_is_one(more, expected) -> None:
    assert remote_id_of({**FILE, **more}) == expected


def test_file_is_typed_content_of_a_result() -> None:
    assert IntegrationResult[RemoteFile].success_result(FILE).unwrap() == FILE


def test_required_keys_of_a_file_are_those_of_the_listing() -> None:
    assert RemoteFile.__required_keys__ == {"name", "path", "size", "last_modified", "url"}
    assert set(TypeAdapter(RemoteFile).json_schema()["required"]) == RemoteFile.__required_keys__


def test_nothing_is_claimed_by_default() -> None:
    capabilities = StorageCapabilities()
    assert not any(getattr(capabilities, name) for name in capabilities.__slots__)


@pytest.mark.parametrize("value", [StorageCapabilities(), UploadOptions()])
def test_values_are_immutable(value) -> None:
    with pytest.raises(AttributeError):
        setattr(value, value.__slots__[0], True)
