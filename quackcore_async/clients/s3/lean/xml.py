"""The XML of S3: what answers say, and the bodies that two operations send."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError, XMLParser
from xml.sax.saxutils import escape

from quackcore_async.errors import ErrorKind, TransportError

__all__ = [
    "completion",
    "deletion",
    "error_of",
    "fits_xml",
    "parse",
    "read_deleted",
    "read_fields",
    "read_page",
    "read_parts",
]

_ESCAPES: Final = {"\r": "&#xD;", "\n": "&#xA;", "\t": "&#x9;"}
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"


def parse(text: bytes) -> Element:
    """Return the root of a document.

    Raises:
        TransportError: with code `protocol`, if it is none.
    """
    parser = XMLParser(encoding="utf-8")  # noqa: S314 - expat bounds what entities expand to; botocore does the same
    try:
        parser.feed(text)
        root: Element = parser.close()
    except ParseError as exc:
        raise TransportError(
            f"the answer is no XML: {exc}", kind=ErrorKind.CORRUPTED, code="protocol", retryable=True
        ) from exc
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
        if encoded and "%" in entry["Key"]:
            entry["Key"] = unquote(entry["Key"])
        entry["Size"] = int(entry.get("Size") or 0)
        entry["LastModified"] = _moment(entry.get("LastModified"))
    if encoded:
        prefixes = [{"Prefix": unquote(entry["Prefix"])} for entry in prefixes]
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
            {"PartNumber": int(part["PartNumber"]), "ETag": part.get("ETag", ""), "Size": int(part["Size"])}
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
    """Tell whether XML 1.0 can hold a text: most control characters cannot be written in it."""
    return all(char >= " " or char in "\t\n\r" for char in text) and "￾" not in text and "￿" not in text


def _text(text: str) -> str:
    return escape(text, _ESCAPES)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
