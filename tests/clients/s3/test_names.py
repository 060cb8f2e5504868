import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.clients.s3.names import MAX_KEY_BYTES, S3Address, bucket_complaint, check_key, parse_s3_url
from quackcore_async.errors import ErrorKind, InvalidNameError


@given(
    st.text(min_size=1, max_size=300).filter(
        lambda text: len(text.encode("utf-8", "surrogatepass")) <= MAX_KEY_BYTES
    )
)
def test_every_unicode_text_of_up_to_1024_bytes_is_a_key_and_comes_back_unchanged(key):
    try:
        key.encode()
    except UnicodeEncodeError:
        with pytest.raises(InvalidNameError):
            check_key(key)
    else:
        assert check_key(key) == key


@pytest.mark.parametrize(
    ("key", "fits"), [("k" * 1024, True), ("k" * 1025, False), ("é" * 512, True), ("é" * 513, False)]
)
def test_the_limit_of_a_key_counts_bytes(key, fits):
    if fits:
        assert check_key(key) == key
    else:
        with pytest.raises(InvalidNameError, match="1024"):
            check_key(key)


@pytest.mark.parametrize("key", ["", "a\ud800b"])
def test_an_empty_key_and_a_lone_surrogate_are_refused(key):
    with pytest.raises(InvalidNameError) as caught:
        check_key(key)
    assert caught.value.kind is ErrorKind.INVALID_INPUT


@given(st.text(min_size=1, max_size=100, alphabet=st.characters(exclude_categories=["Cs"])))
def test_an_address_written_as_a_url_reads_as_itself(key):
    address = S3Address("some-bucket", key)
    assert parse_s3_url(str(address)) == address


def test_a_query_a_fragment_and_percent_signs_belong_to_the_key():
    assert parse_s3_url("s3://bucket/a%2Fb?x=1#y").key == "a%2Fb?x=1#y"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("s3:///key", "no bucket"),
        ("s3://bucket", "no object"),
        ("s3://bucket/", "no object"),
        ("http://bucket/key", "no s3:// address"),
        ("s3://Bucket/key", "a-z"),
        ("s3://", "no bucket"),
    ],
)
def test_an_incomplete_url_is_refused_with_what_is_missing(url, complaint):
    with pytest.raises(InvalidNameError, match=complaint):
        parse_s3_url(url)


@pytest.mark.parametrize("name", ["abc", "a.b-c", "0" * 63, "my-bucket.example"])
def test_a_good_bucket_name_raises_no_complaint(name):
    assert bucket_complaint(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "0" * 64,
        "UPPER",
        "under_score",
        "-lead",
        "trail-",
        "a..b",
        "192.168.0.1",
        "xn--abc",
        "abc-s3alias",
        "ünicode",
        "abc\n",
    ],
)
def test_a_bad_bucket_name_raises_one(name):
    assert bucket_complaint(name)
