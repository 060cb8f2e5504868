"""Answers in pieces of any size, of every framing, and what is no HTTP."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quackcore_async.clients.s3.lean.framing import MAX_HEAD, MalformedError, body_for, parse_head, take_head

OK = b"HTTP/1.1 200 OK\r\n"
TOKEN = "!#$%&'*+.^_`|~-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
NAMES = st.text(TOKEN, min_size=1, max_size=12)
VALUES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)
CUTS = st.lists(st.integers(0, 400), max_size=12)


def pieces_of(data, cuts):
    """Cut some bytes at these places."""
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in zip(places, places[1:], strict=False)]


def read(pieces, method="GET", *, closed=False):
    """Read an answer as a connection does: its head, its body, whether it is whole, and whether more came."""
    head, body, waiting, content = None, None, b"", b""
    for piece in pieces:
        data = piece
        if head is None:
            head, waiting = take_head(waiting + piece)
            if head is None:
                continue
            body, data = body_for(method, head), waiting
        if data:
            content += body.feed(data)
    if closed and body is not None:
        body.close()
    return (head, content, body.ended, body.surplus) if body is not None else None


def outcome_of(pieces, **options):
    try:
        return read(pieces, **options)
    except MalformedError:
        return "refused"


def chunked(sizes, content, extension=b"", trailer=b""):
    """Code a content in chunks of these sizes, the last one with the rest."""
    coded, at = b"", 0
    for size in (*sizes, len(content)):
        piece = content[at : at + size]
        if piece:
            coded += b"%x%b\r\n%b\r\n" % (len(piece), extension, piece)
        at += size
    return coded + b"0" + extension + b"\r\n" + trailer + b"\r\n"


def answer(*lines, body=b"", status=OK):
    return status + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


# What is read


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.integers(200, 599), CUTS)
def test_a_head_is_the_same_however_it_is_cut(fields, status, cuts):
    lines = "".join(f"x-{name}: {value}\r\n" for name, value in fields)
    data = f"HTTP/1.1 {status} Fine\r\n{lines}\r\nbody".encode()
    whole = take_head(data)
    head, rest = None, b""
    for piece in pieces_of(data, cuts):
        if head is None:
            head, rest = take_head(rest + piece)
        else:
            rest += piece
    assert (head, rest) == whole
    expected: dict[str, list[str]] = {}
    for name, value in fields:
        expected.setdefault(f"x-{name}".lower(), []).append(value.strip(" \t"))
    assert head.headers == {name: ", ".join(values) for name, values in expected.items()}
    assert (head.status, head.persists, rest) == (status, True, b"body")


@given(st.binary(max_size=300), CUTS, st.binary(max_size=5))
def test_a_body_of_a_known_length(content, cuts, surplus):
    data = answer(b"Content-Length: %d" % len(content), body=content + surplus)
    _, got, ended, more = read(pieces_of(data, cuts))
    assert (got, ended, more) == (content, True, bool(surplus))


@given(
    st.binary(max_size=300),
    st.lists(st.integers(1, 40), max_size=8),
    st.sampled_from([b"", b";a", b"; a=b", b' ;a="x;y"', b"\t", b"  "]),
    st.sampled_from([b"", b"x-sum: 1\r\n", b"a:\r\nb: 2\r\n"]),
    CUTS,
    st.binary(max_size=5),
)
def test_a_body_in_chunks(content, sizes, extension, trailer, cuts, surplus):
    coded = chunked(sizes, content, extension, trailer)
    data = answer(b"Transfer-Encoding: Chunked", body=coded + surplus)
    head, got, ended, more = read(pieces_of(data, cuts))
    assert (got, ended, more, head.persists) == (content, True, bool(surplus), True)


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=8), CUTS, st.data())
def test_chunks_that_are_cut_short_never_end(content, sizes, cuts, data):
    coded = chunked(sizes, content)
    kept = coded[: data.draw(st.integers(0, len(coded) - 1))]
    _, got, ended, more = read(pieces_of(answer(b"transfer-encoding: chunked", body=kept), cuts), closed=True)
    assert (ended, more) == (False, False)
    assert content.startswith(got)


@given(st.binary(max_size=300), CUTS)
def test_a_body_until_the_connection_is_closed(content, cuts):
    pieces = pieces_of(answer(body=content), cuts)
    assert read(pieces)[1:] == (content, False, False)
    assert read(pieces, closed=True)[1:] == (content, True, False)


@given(st.binary(max_size=60), CUTS)
@example(b"5\r\nhello\n\r\n0\r\n\r\n", [1, 2, 3])
@example(b"5\r\nhelloo", [])
def test_any_bytes_as_chunks_come_to_the_same_however_they_are_cut(junk, cuts):
    data = answer(b"transfer-encoding: chunked", body=junk)
    assert outcome_of(pieces_of(data, cuts)) == outcome_of([data])


LINES = st.sampled_from(
    [
        b"a: b",
        b"content-length: 3",
        b"transfer-encoding: chunked",
        b" folded",
        b"bad name: 1",
        b"x:\x00",
        b"c\n: d",
    ]
    + [b"", b"HTTP/1.1 100 Continue", b"HTTP/1.0 200 OK", b"HTTP/1.1 200 OK", b"1", b"0", b"HTTP/1.1 204 None"]
)


@given(st.lists(LINES, max_size=8), st.sampled_from([b"\r\n", b"\n", b"\r"]), CUTS)
def test_any_lines_come_to_the_same_however_they_are_cut(lines, end, cuts):
    data = OK + end.join(lines) + end + end
    assert outcome_of(pieces_of(data, cuts)) == outcome_of([data])


@given(CUTS)
def test_interim_answers_are_passed_over(cuts):
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + answer(
        b"content-length: 2", body=b"ok"
    )
    head, content, *_ = read(pieces_of(data, cuts))
    assert (head.status, head.headers, content) == (200, {"content-length": "2"}, b"ok")


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", b"200 OK"), ("GET", b"204 No Content"), ("GET", b"304 Not Modified")]
)
@pytest.mark.parametrize("framing", [b"content-length: 5", b"transfer-encoding: chunked", b"x: y"])
def test_an_answer_without_a_body_has_none_whatever_its_headers_say(method, status, framing):
    data = b"HTTP/1.1 " + status + b"\r\n" + framing + b"\r\n\r\n"
    assert read([data], method)[1:] == (b"", True, False)
    assert read([data + b"extra"], method)[1:] == (b"", True, True)


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        ([b"content-length: 5"], 5),
        ([b"content-length:\t005 "], 5),
        ([b"content-length: 5, 5"], 5),
        ([b"content-length: 5", b"Content-Length: 5"], 5),
    ],
)
def test_lengths_that_agree(lines, length):
    assert read([answer(*lines, body=b"x" * length)])[1:] == (b"x" * length, True, False)


# Whether the connection is used again: RFC 9112 sections 6.1, 6.3 and 9.3


@pytest.mark.parametrize(
    ("version", "lines", "persists"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: keep-alive"], True),
        (b"1.1", [b"Connection: Close"], False),
        (b"1.1", [b"Connection: x", b"Connection: close"], False),
        (b"1.1", [b"Connection: upgrade , CLOSE"], False),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: Keep-Alive"], True),
        (b"1.0", [b"Connection: not-keep-alive"], False),
        (b"1.0", [b"Connection: keep-alive, close"], False),
        (b"1.0", [b"Connection: keep-alive", b"Transfer-Encoding: chunked"], False),
        (b"1.1", [b"Transfer-Encoding: chunked"], True),
        (b"1.1", [b"Content-Length: 5", b"Transfer-Encoding: chunked"], False),
    ],
)
def test_persistence(version, lines, persists):
    assert read([answer(*lines, status=b"HTTP/" + version + b" 200 OK\r\n")])[0].persists is persists


def test_chunks_count_where_a_length_is_given_too():
    data = answer(b"Content-Length: 3", b"Transfer-Encoding: chunked", body=chunked([], b"hello"))
    assert read([data])[1:] == (b"hello", True, False)


# What is refused


BAD_HEADS = {
    "bare LF": b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
    "bare LF in a header": OK + b"a: b\nc: d\r\n\r\n",
    "bare LF at the end": OK + b"a: b\n\r\n",
    "bare CR": OK + b"a: b\rc: d\r\n\r\n",
    "folded": OK + b"a: b\r\n c: d\r\n\r\n",
    "folded by a tab": OK + b"a: b\r\n\tc\r\n\r\n",
    "blank before the colon": OK + b"content-length : 5\r\n\r\n",
    "blank in the name": OK + b"content length: 5\r\n\r\n",
    "blanks before the first header": OK + b" a: b\r\n\r\n",
    "no colon": OK + b"content-length\r\n\r\n",
    "no name": OK + b": 5\r\n\r\n",
    "name that is not ASCII": OK + b"content-l\xc3\xa9ngth: 5\r\n\r\n",
    "NUL in a value": OK + b"a: b\0c\r\n\r\n",
    "NUL in a name": OK + b"a\0: b\r\n\r\n",
    "NUL in the status line": b"HTTP/1.1 200 O\0K\r\n\r\n",
    "empty line first": b"\r\n" + OK + b"\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>\r\n\r\n",
    "lower case": b"http/1.1 200 OK\r\n\r\n",
    "two blanks": b"HTTP/1.1  200 OK\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status above 599": b"HTTP/1.1 600 OK\r\n\r\n",
    "status in other digits": "HTTP/1.1 2٠٠ OK\r\n\r\n".encode(),
    "status with a sign": b"HTTP/1.1 +20 OK\r\n\r\n",
    "switching protocols": b"HTTP/1.1 101 Switching\r\n\r\n",
    "switching after an interim answer": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "an endless line": OK + b"a: " + b"b" * MAX_HEAD,
}


@pytest.mark.parametrize("data", BAD_HEADS.values(), ids=BAD_HEADS)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_malformed_head_is_refused_however_it_is_cut(data, step):
    if len(data) > 1000:
        step = max(step, 501)
    assert outcome_of([data[at : at + step] for at in range(0, len(data), step)]) == "refused"


BAD_FRAMINGS = {
    "two lengths": [b"content-length: 5", b"content-length: 6"],
    "two lengths in one": [b"content-length: 5, 6"],
    "the same length in two ways": [b"content-length: 5, 05"],
    "half a list": [b"content-length: 5,"],
    "no length": [b"content-length:"],
    "negative": [b"content-length: -5"],
    "signed": [b"content-length: +5"],
    "hexadecimal": [b"content-length: 0x5"],
    "fraction": [b"content-length: 5.0"],
    "two numbers": [b"content-length: 5 5"],
    "underscore": [b"content-length: 1_0"],
    "huge": [b"content-length: 9999999999999999"],
    "digits of another script": ["content-length: ٥".encode()],
    "blanks of another script": [b"content-length: 5\x0b"],
    "unbreakable blank": ["content-length: 5\u00a0".encode()],
    "gzip": [b"transfer-encoding: gzip"],
    "gzip, chunked": [b"transfer-encoding: gzip, chunked"],
    "chunked, gzip": [b"transfer-encoding: chunked, gzip"],
    "chunked twice": [b"transfer-encoding: chunked", b"transfer-encoding: chunked"],
    "identity": [b"transfer-encoding: identity"],
    "empty coding": [b"transfer-encoding:"],
    "chunked with a parameter": [b"transfer-encoding: chunked;q=1"],
    "chunked with a Kelvin sign": ["transfer-encoding: chun\u212aed".encode()],
    "chunked behind a vertical tab": [b"transfer-encoding: \x0bchunked"],
    "an unknown coding beside a length": [b"transfer-encoding: x", b"content-length: 5"],
}


@pytest.mark.parametrize("lines", BAD_FRAMINGS.values(), ids=BAD_FRAMINGS)
def test_a_body_of_which_the_end_is_not_clear_is_refused(lines):
    assert outcome_of([answer(*lines, body=b"hello")]) == "refused"


BAD_LENGTHS = {name: lines for name, lines in BAD_FRAMINGS.items() if all(b"length:" in line for line in lines)}


@pytest.mark.parametrize("lines", BAD_LENGTHS.values(), ids=BAD_LENGTHS)
@pytest.mark.parametrize(("method", "coding"), [("HEAD", []), ("GET", [b"transfer-encoding: chunked"])])
def test_a_length_that_is_none_is_refused_also_where_it_is_not_that_of_the_body(method, coding, lines):
    assert outcome_of([answer(*lines, *coding)], method=method) == "refused"


BAD_CHUNKS = {
    "no number": b"hello\r\n",
    "empty size": b"\r\nhello\r\n",
    "blank before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"1_0\r\n",
    "huge": b"1" + b"0" * 15 + b"\r\n",
    "junk behind the size": b"5 junk\r\nhello\r\n0\r\n\r\n",
    "bare LF behind the size": b"5\nhello\r\n0\r\n\r\n",
    "bare LF in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "bare CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "NUL in an extension": b"5;a\0b\r\nhello\r\n0\r\n\r\n",
    "endless extension": b"5;" + b"a" * 9000,
    "bare LF behind the data": b"5\r\nhello\n0\r\n\r\n",
    "longer than its size": b"5\r\nhello!",
    "shorter than its size": b"6\r\nhello\r\n0\r\n\r\n",
    "bare LF at the end": b"0\r\n\n",
    "trailer without a name": b"0\r\n: a\r\n\r\n",
    "another answer for a trailer": b"0\r\nHTTP/1.1 200 OK\r\n\r\n",
    "folded trailer": b"0\r\na: b\r\n c\r\n\r\n",
    "endless trailer": b"0\r\n" + (b"a: " + b"b" * 1000 + b"\r\n") * 70,
}


@pytest.mark.parametrize("coded", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
@pytest.mark.parametrize("step", [1, 3, 100_000])
def test_malformed_chunks_are_refused_however_they_are_cut(coded, step):
    data = answer(b"transfer-encoding: chunked", body=coded)
    assert outcome_of([data[at : at + step] for at in range(0, len(data), step)]) == "refused"


@pytest.mark.parametrize(("size", "refused"), [(MAX_HEAD, False), (MAX_HEAD + 1, True)])
@pytest.mark.parametrize("step", [4096, MAX_HEAD, 10 * MAX_HEAD])
def test_the_longest_head_is_the_same_however_it_is_cut(size, refused, step):
    data = OK + b"a: "
    data += b"b" * (size - len(data)) + b"\r\n\r\n"
    outcome = outcome_of([data[at : at + step] for at in range(0, len(data), step)])
    assert (outcome == "refused") is refused


def test_small_chunks_come_out_together():
    body = body_for("GET", parse_head(OK + b"transfer-encoding: chunked"))
    assert body.feed(chunked([1] * 1000, b"x" * 1000)) == b"x" * 1000


def test_what_a_refusal_shows_is_short_and_holds_no_control_characters():
    with pytest.raises(MalformedError) as caught:
        take_head(b"\x1b[2J\xff" + b"x" * 500 + b"\r\n\r\n")
    assert len(str(caught.value)) < 120
    assert str(caught.value).isprintable()
