"""What is read from answers, also from those that no service should send."""

import contextlib
import tracemalloc
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus

import pytest
from botocore.parsers import create_parser
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.clients.s3.failures import classify
from quackcore_async.clients.s3.lean.answers import READERS, RefusedError, describe, read_answer, refusal
from quackcore_async.clients.s3.lean.xml import deletion, fits_xml, parse
from quackcore_async.errors import ErrorKind, TransportError

NOTHING: dict[str, str] = {}
BODIES = {
    "list_objects_v2": b"<ListBucketResult/>",
    "delete_objects": b"<DeleteResult/>",
    "create_multipart_upload": b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
    "complete_multipart_upload": b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>",
    "list_parts": b"<ListPartsResult/>",
    "copy_object": b"<CopyObjectResult><ETag>e</ETag></CopyObjectResult>",
    "upload_part_copy": b"<CopyPartResult><ETag>e</ETag></CopyPartResult>",
}
NO_XML = [
    b"",
    b" ",
    b"OK",
    b"{}",
    b"<html><body><p>Log in<br></body></html>",
    b"<ListBucketResult>",
    b"<ListBucketResult><Contents><Key>a\x01b</Key></Contents></ListBucketResult>",
    b"<ListBucketResult><Contents><Key>&#x1;</Key></Contents></ListBucketResult>",
    b"<ListBucketResult><Contents><Key>\xff</Key></Contents></ListBucketResult>",
]


def test_every_reader_has_its_case():
    assert set(BODIES) == set(READERS)


@pytest.mark.parametrize("operation", READERS)
@pytest.mark.parametrize(
    "space",
    [b"", b"\n  ", b"<?xml version='1.0' encoding='UTF-8'?>\n   \n", b"\xef\xbb\xbf", b" \n<?xml version='1.0'?>"],
)
def test_what_a_service_sends_while_it_works_is_no_part_of_the_answer(operation, space):
    read_answer(operation, 200, NOTHING, space + BODIES[operation])


@pytest.mark.parametrize("root", ["InitiateMultipartUpload", "InitiateMultipartUploadResponse"])
def test_the_beginning_of_an_upload_is_read_whatever_the_service_calls_it(root):
    body = f"<{root}><UploadId>u</UploadId></{root}>".encode()
    assert read_answer("create_multipart_upload", 200, NOTHING, body)["UploadId"] == "u"


@pytest.mark.parametrize("operation", READERS)
@pytest.mark.parametrize("body", NO_XML, ids=lambda body: body[:20] or "empty")
def test_an_answer_that_is_no_xml_is_broken(operation, body):
    with pytest.raises(TransportError) as caught:
        read_answer(operation, 200, NOTHING, body)
    assert (caught.value.kind, caught.value.code, caught.value.retryable) == (
        ErrorKind.CORRUPTED,
        "protocol",
        True,
    )


@pytest.mark.parametrize("operation", READERS)
@pytest.mark.parametrize(
    "body", [b"<html><body>Log in</body></html>", b"<html xmlns='http://www.w3.org/1999/xhtml'/>", b"<Other/>"]
)
def test_xml_of_somebody_else_is_no_answer(operation, body):
    """An empty page, or a batch in which all went well, is what it would be taken for."""
    with pytest.raises(TransportError) as caught:
        read_answer(operation, 200, NOTHING, body)
    assert caught.value.code == "protocol"


@pytest.mark.parametrize("operation", ["put_object", "upload_part", "delete_object", "abort_multipart_upload"])
def test_a_page_of_html_is_not_the_answer_to_a_write(operation):
    headers = {"content-type": "text/html; charset=utf-8"}
    with pytest.raises(TransportError) as caught:
        read_answer(operation, 200, headers, b"<!DOCTYPE html><html>Log in</html>")
    assert caught.value.code == "protocol"
    assert read_answer(operation, 200, headers, b"")["Metadata"] == {}


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("list_objects_v2", b"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>"),
        (
            "list_objects_v2",
            b"<ListBucketResult><Contents><Key>k</Key><Size>x</Size></Contents></ListBucketResult>",
        ),
        (
            "list_objects_v2",
            b"<ListBucketResult><EncodingType>url</EncodingType><CommonPrefixes/></ListBucketResult>",
        ),
        ("create_multipart_upload", b"<InitiateMultipartUploadResult/>"),
        ("create_multipart_upload", b"<InitiateMultipartUploadResult><UploadId/></InitiateMultipartUploadResult>"),
        ("upload_part_copy", b"<CopyPartResult/>"),
        ("list_parts", b"<ListPartsResult><Part><Size>1</Size></Part></ListPartsResult>"),
        (
            "list_parts",
            b"<ListPartsResult><Part><PartNumber>x</PartNumber><Size>1</Size></Part></ListPartsResult>",
        ),
    ],
)
def test_an_answer_without_what_it_is_about_is_broken(operation, body):
    with pytest.raises(TransportError) as caught:
        read_answer(operation, 200, NOTHING, body)
    assert caught.value.code == "protocol"


@pytest.mark.parametrize("operation", READERS)
def test_an_error_inside_a_200_is_an_error(operation):
    body = b"<?xml version='1.0'?>\n  <Error><Code>InternalError</Code><Message>We failed</Message></Error>"
    with pytest.raises(RefusedError) as caught:
        read_answer(operation, 200, NOTHING, body)
    error = classify(caught.value)
    assert (error.kind, error.status_code, error.retryable) == (ErrorKind.UNAVAILABLE, 500, True)


def bomb(levels=9):
    entities = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, levels + 1))
    return f'<!DOCTYPE r [<!ENTITY e0 "{"x" * 1000}">{entities}]><ListBucketResult><Name>&e{levels};</Name></ListBucketResult>'


@pytest.mark.parametrize("levels", [1, 9])
def test_a_document_type_is_refused_before_it_expands(levels):
    tracemalloc.start()
    try:
        with pytest.raises(TransportError):
            parse(bomb(levels).encode())
        assert tracemalloc.get_traced_memory()[1] < 1024**2
    finally:
        tracemalloc.stop()


def test_a_key_may_look_like_a_document_type():
    body = b"<ListBucketResult><Contents><Key>&lt;!DOCTYPE</Key></Contents></ListBucketResult>"
    assert read_answer("list_objects_v2", 200, NOTHING, body)["Contents"][0]["Key"] == "<!DOCTYPE"


def page(*keys, encoding="<EncodingType>url</EncodingType>"):
    rows = "".join(
        f"<Contents><Key>{key}</Key></Contents><CommonPrefixes><Prefix>{key}</Prefix></CommonPrefixes>"
        for key in keys
    )
    return f"<ListBucketResult>{encoding}{rows}</ListBucketResult>".encode()


def keys_of(body):
    answer = read_answer("list_objects_v2", 200, NOTHING, body)
    keys = [entry["Key"] for entry in answer["Contents"]]
    assert keys == [entry["Prefix"] for entry in answer["CommonPrefixes"]]
    return keys


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5))
def test_keys_are_decoded_whichever_way_a_service_writes_a_blank(keys):
    """AWS and MinIO write `+` for a blank, as forms do, others `%20`; a plus is `%2B` to both."""
    assert keys_of(page(*map(quote_plus, keys))) == keys
    assert keys_of(page(*(quote(key, safe="/") for key in keys))) == keys


@pytest.mark.parametrize("encoding", ["", "<EncodingType/>", "<EncodingType>none</EncodingType>"])
def test_a_service_that_ignores_the_encoding_is_read_as_it_writes(encoding):
    assert keys_of(page("a+b", "a%20b", "100%", "%2F", encoding=encoding)) == ["a+b", "a%20b", "100%", "%2F"]


PARSER = create_parser("rest-xml")
MODEL = get_session().get_service_model("s3")
DATES = [
    "2024-02-29T23:59:59.123Z",
    "2024-02-29T23:59:59Z",
    "2024-02-29T23:59:59.123456789Z",
    "2024-02-29T23:59:59+02:00",
    "2024-02-29T23:59:59",
    "Thu, 29 Feb 2024 23:59:59 GMT",
]


@pytest.mark.parametrize("text", DATES)
def test_dates_of_listings_are_read_as_botocore_reads_them(text):
    body = f"<ListBucketResult><Contents><Key>k</Key><LastModified>{text}</LastModified></Contents></ListBucketResult>".encode()
    theirs = PARSER.parse(
        {"status_code": 200, "headers": {}, "body": body}, MODEL.operation_model("ListObjectsV2").output_shape
    )["Contents"][0]["LastModified"]
    ours = read_answer("list_objects_v2", 200, NOTHING, body)["Contents"][0]["LastModified"]
    assert ours == theirs.replace(microsecond=ours.microsecond, tzinfo=theirs.tzinfo or UTC)


@pytest.mark.parametrize(
    "text", [*DATES[-1:], "Thursday, 29-Feb-24 23:59:59 GMT", "Thu, 29 Feb 2024 23:59:59 -0000"]
)
def test_dates_of_headers_are_read_and_have_a_zone(text):
    assert describe(200, {"last-modified": text})["LastModified"] == datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "Thu, 99 Feb 2024 23:59:59 GMT", "Thu, 29 Abc 2024 23:59:59 GMT", "0"]
)
def test_dates_that_make_no_sense_are_none(text):
    assert describe(200, {"last-modified": text})["LastModified"] is None
    body = f"<ListBucketResult><Contents><Key>k</Key><LastModified>{text}</LastModified></Contents></ListBucketResult>"
    if text != "0":
        answer = read_answer("list_objects_v2", 200, NOTHING, body.encode())
        assert answer["Contents"][0]["LastModified"] is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad Gateway</html>", b"Bad Gateway", b"<Error/>", b"<Error><Code/></Error>"]
)
def test_an_error_without_a_code_is_known_by_its_status(body):
    error = classify(refusal(502, NOTHING, body))
    assert (error.status_code, error.kind, error.retryable) == (502, ErrorKind.UNAVAILABLE, True)


@given(st.binary(max_size=200))
def test_whatever_bytes_come_only_the_two_errors_are_raised(body):
    for operation in READERS:
        with contextlib.suppress(TransportError, RefusedError):
            read_answer(operation, 200, NOTHING, body)
    assert refusal(500, NOTHING, body).response["Error"]["Code"]


@given(st.text(st.characters(exclude_categories=[]), max_size=20))
def test_a_batch_holds_a_key_exactly_or_says_that_it_cannot(key):
    if not fits_xml(key):
        return
    (entry, _quiet) = parse(deletion([key]))
    assert entry[0].text == (key or None)
