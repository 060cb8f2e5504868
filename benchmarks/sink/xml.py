"""The documents of S3 that the sink answers with, and reads."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from benchmarks.sink.objects import Listing, Object

__all__ = ["deleted", "document", "error", "keys_to_delete", "listing", "part_numbers"]

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*", re.ASCII)


def document(root: str, content: str) -> bytes:
    """Return a document."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_NAMESPACE}">{content}</{root}>'.encode()


def error(code: str, message: str) -> bytes:
    """Return the document of an error, which has no namespace."""
    content = f"<Code>{code}</Code><Message>{message}</Message><RequestId>sink</RequestId><HostId>sink</HostId>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{content}</Error>'.encode()


def listing(bucket: str, query: Mapping[str, str], page: Listing, objects: Mapping[str, Object]) -> bytes:
    """Return a page of either version of the listing."""
    in_url = query.get("encoding-type") == "url"

    def shown(name: str) -> str:
        if _PLAIN.fullmatch(name):
            return name
        return quote(name, safe="/") if in_url else escape(name)

    head = [
        f"<Name>{bucket}</Name><Prefix>{shown(query.get('prefix', ''))}</Prefix>",
        f"<MaxKeys>{query.get('max-keys', '1000')}</MaxKeys>",
        f"<IsTruncated>{'true' if page.rest is not None else 'false'}</IsTruncated>",
    ]
    if in_url:
        head.append("<EncodingType>url</EncodingType>")
    if query.get("delimiter"):
        head.append(f"<Delimiter>{shown(query['delimiter'])}</Delimiter>")
    if query.get("list-type") == "2":
        head.append(f"<KeyCount>{len(page)}</KeyCount>")
        if page.rest is not None:
            head.append(f"<NextContinuationToken>{page.rest.encode().hex()}</NextContinuationToken>")
    elif page.rest is not None:
        head.append(f"<NextMarker>{shown(page.rest)}</NextMarker>")
    rows = [_row(shown(key), objects[key]) for key in page.keys]
    prefixes = [f"<CommonPrefixes><Prefix>{shown(name)}</Prefix></CommonPrefixes>" for name in page.prefixes]
    return document("ListBucketResult", "".join((*head, *rows, *prefixes)))


def _row(key: str, value: Object) -> str:
    return (
        f"<Contents><Key>{key}</Key><LastModified>{value.stamp.iso}</LastModified>"
        f"<ETag>&quot;{value.tag}&quot;</ETag><Size>{value.size}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def deleted(keys: Iterable[str], *, quiet: bool) -> bytes:
    """Return the answer to a deletion of many."""
    rows = "" if quiet else "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
    return document("DeleteResult", rows)


def keys_to_delete(content: bytes) -> tuple[list[str], bool]:
    """Return the keys that a request wants deleted, and whether it wants to hear of failures only."""
    root = ET.fromstring(content)
    keys = [element.text or "" for element in root.iterfind("{*}Object/{*}Key")]
    return keys, root.findtext("{*}Quiet") == "true"


def part_numbers(content: bytes) -> list[int]:
    """Return the parts that an object is to be made of."""
    root = ET.fromstring(content)
    return [int(element.text or 0) for element in root.iterfind("{*}Part/{*}PartNumber")]
