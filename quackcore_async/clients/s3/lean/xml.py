"""The XML of S3: what answers say, and the bodies that two operations send."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element, ParseError, XMLParser
from xml.sax.saxutils import escape

from quackcore_async.clients.s3.lean.dates import xml_date
from quackcore_async.errors import ErrorKind, TransportError

__all__ = [
    "broken",
    "completion",
    "deletion",
    "error_of",
    "fits_xml",
    "name_of",
    "parse",
    "read_deleted",
    "read_fields",
    "read_page",
    "read_parts",
]

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES: Final = {"\r": "&#xD;", "\n": "&#xA;", "\t": "&#x9;"}
_FEED: Final = 64 * 1024
_DOCTYPE: Final = b"<!DOCTYPE"
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"


def broken(reason: str) -> TransportError:
    """Return the error of an answer that makes no sense."""
    return TransportError(reason, kind=ErrorKind.CORRUPTED, code="protocol", retryable=True)


def parse(text: bytes) -> Element:
    """Return the root of a document.

    Raises:
        TransportError: with code `protocol`, if it is none, or one with a document type, which S3 never sends and
            whose entities could become any size.
    """
    if _DOCTYPE in text:
        raise broken("the answer has a document type")
    parser = XMLParser(encoding="utf-8")  # noqa: S314 - without a document type nothing expands
    try:
        text = text.lstrip()  # services that take long send blanks first
        for start in range(0, len(text), _FEED):  # in steps, between which other threads have their turn
            parser.feed(text[start : start + _FEED])
        root: Element = parser.close()
    except ParseError as exc:
        raise broken(f"the answer is no XML: {exc}") from exc
    return root


def name_of(element: Element) -> str:
    """Return the name of an element without its namespace, which not every service sends."""
    return element.tag.rpartition("}")[2]


def read_fields(element: Element) -> dict[str, str]:
    """Return the texts of the children of an element, by name."""
    return {child.tag.rpartition("}")[2]: child.text or "" for child in element}


def error_of(root: Element) -> dict[str, str] | None:
    """Return the fields of an error document, None when it is something else."""
    return read_fields(root) if name_of(root) == "Error" else None


def read_page(root: Element) -> dict[str, Any]:
    """Read one page of ListObjectsV2."""
    fields: dict[str, str] = {}
    contents: list[dict[str, Any]] = []
    prefixes: list[dict[str, str]] = []
    for element in root:
        name = element.tag.rpartition("}")[2]
        if name == "Contents":
            contents.append(read_fields(element))
        elif name == "CommonPrefixes":
            prefixes.append(read_fields(element))
        else:
            fields[name] = element.text or ""
    encoded = fields.get("EncodingType") == "url"
    for entry in contents:
        key = entry["Key"]
        if encoded and ("%" in key or "+" in key):
            entry["Key"] = unquote_plus(key)
        entry["Size"] = int(entry.get("Size") or 0)
        entry["LastModified"] = xml_date(entry.get("LastModified"))
    if encoded:
        prefixes = [{"Prefix": unquote_plus(entry["Prefix"])} for entry in prefixes]
    return {
        "Contents": contents,
        "CommonPrefixes": prefixes,
        "IsTruncated": fields.get("IsTruncated") == "true",
        "NextContinuationToken": fields.get("NextContinuationToken"),
    }


def read_parts(root: Element) -> dict[str, Any]:
    """Read one page of ListParts."""
    fields = read_fields(root)
    parts = [read_fields(element) for element in root if name_of(element) == "Part"]
    following = fields.get("NextPartNumberMarker", "")
    return {
        "Parts": [
            {
                "PartNumber": int(part["PartNumber"]),
                "ETag": part.get("ETag", ""),
                "Size": int(part["Size"]),
                "LastModified": xml_date(part.get("LastModified")),
            }
            for part in parts
        ],
        "IsTruncated": fields.get("IsTruncated") == "true",
        "NextPartNumberMarker": int(following) if following.isdecimal() else None,
    }


def read_deleted(root: Element) -> dict[str, Any]:
    """Read the answer to DeleteObjects: what could not be deleted."""
    return {"Errors": [read_fields(element) for element in root if name_of(element) == "Error"]}


def completion(parts: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the body of CompleteMultipartUpload."""
    listed = "".join(
        f"<Part><PartNumber>{part['PartNumber']}</PartNumber><ETag>{_text(part['ETag'])}</ETag></Part>"
        for part in parts
    )
    return f'<CompleteMultipartUpload xmlns="{_NAMESPACE}">{listed}</CompleteMultipartUpload>'.encode()


def deletion(keys: Sequence[str]) -> bytes:
    """Return the body of a quiet DeleteObjects."""
    listed = "".join(f"<Object><Key>{_text(key)}</Key></Object>" for key in keys)
    return f'<Delete xmlns="{_NAMESPACE}">{listed}<Quiet>true</Quiet></Delete>'.encode()


def fits_xml(text: str) -> bool:
    """Tell whether XML 1.0 can hold a text: https://www.w3.org/TR/xml/#charsets."""
    return _NOT_IN_XML.search(text) is None


def _text(text: str) -> str:
    return escape(text, _ESCAPES)
