import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.cli.locations import Location, parse_location
from quackcore_async.cli.usage import UsageFault


@pytest.mark.parametrize(
    ("text", "scheme", "host", "path"),
    [
        ("photos/a.jpg", "local", "", "photos/a.jpg"),
        ("~/a", "local", "", "~/a"),
        ("./a:b", "local", "", "./a:b"),
        ("dir/a:b", "local", "", "dir/a:b"),
        (":odd", "local", "", ":odd"),
        ("file:///tmp/a%20b", "local", "", "/tmp/a b"),
        ("file://localhost/tmp/a", "local", "", "/tmp/a"),
        ("s3://bucket/key", "s3", "bucket", "key"),
        ("s3://bucket", "s3", "bucket", ""),
        ("s3://bucket/", "s3", "bucket", ""),
        ("s3://bucket//a", "s3", "bucket", "/a"),
        ("s3://bucket/../a", "s3", "bucket", "../a"),
        ("s3://bucket/a%2Fb?x=1#y", "s3", "bucket", "a%2Fb?x=1#y"),
        ("gs://bucket/a%2Fb", "gs", "bucket", "a%2Fb"),
        ("az://container/a b", "az", "container", "a b"),
        ("S3://bucket/key", "s3", "bucket", "key"),
        ("archive:2024/a.jpg", "instance", "archive", "2024/a.jpg"),
        ("archive:", "instance", "archive", ""),
        ("archive:a:b\nc", "instance", "archive", "a:b\nc"),
        ("-", "standard", "", ""),
        ("./-", "local", "", "./-"),
    ],
)
def test_a_location_is_read(text, scheme, host, path):
    assert parse_location(text) == Location(text, scheme, path, host)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("a\0b", "NUL"),
        ("s3://", "names no bucket"),
        ("s3:///key", "names no bucket"),
        ("ftp://host/key", "unknown scheme ftp://"),
        ("az://", "names no bucket: write az://"),
        ("files:///a", "did you mean file://"),
        ("file://host/a", "another host"),
        ("file:///a?b", "query"),
        ("file:///a%00b", "names no file"),
    ],
)
def test_what_is_no_location_is_refused_with_a_remedy(text, words):
    with pytest.raises(UsageFault, match=words):
        parse_location(text)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("a/", True),
        ("a", False),
        ("s3://bucket", True),
        ("s3://bucket/a", False),
        ("s3://bucket/a/", True),
        ("name:", True),
        ("-", False),
    ],
)
def test_a_location_is_a_folder_when_it_is_written_as_one(text, folder):
    assert parse_location(text).names_folder is folder


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40))
def test_an_object_key_is_taken_byte_for_byte(key):
    assert parse_location(f"s3://bucket/{key}").path == key


@given(st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text))
def test_a_path_that_begins_with_a_dot_and_a_slash_is_always_local(name):
    assert parse_location(f"./{name}") == Location(f"./{name}", "local", f"./{name}")
