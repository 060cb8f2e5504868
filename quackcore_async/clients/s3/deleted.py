"""Deletions whose answer may be lost: whether the object is gone is settled by looking."""

from quackcore_async.clients.s3.names import S3Address
from quackcore_async.clients.s3.requester import Requester
from quackcore_async.errors import ConflictError, ErrorKind, QuackError

__all__ = ["delete_object", "is_gone"]


async def delete_object(requester: Requester, address: S3Address, *, if_match: str | None = None) -> None:
    """Delete an object, again when the answer is lost; one that is not there is a success.

    A conditional deletion that did happen is refused at its second try: then, and when no answer came at all,
    an object that is not there any more was deleted.

    Args:
        requester: Sends the requests.
        address: The object.
        if_match: Delete only this entity tag.

    Raises:
        ConflictError: with code `changed`, if it has another entity tag.
        QuackError: indeterminate, if answers were lost and nobody can tell what became of the request.
    """
    parameters = {"Bucket": address.bucket, "Key": address.key}
    if if_match is not None:
        parameters["IfMatch"] = if_match
    lost = False

    async def attempt() -> None:
        nonlocal lost
        try:
            await requester.attempt("delete_object", f"delete {address}", parameters, writes=True)
        except QuackError as error:
            lost = lost or error.indeterminate
            raise

    async with requester.slot():
        try:
            await requester.repeat(attempt)
        except QuackError as error:
            if lost and await _is_gone(requester, address):
                return
            failure = _changed(address, error) if error.code == "precondition" else error
            failure.indeterminate = lost
            raise failure from error.__cause__


async def is_gone(requester: Requester, address: S3Address) -> bool | None:
    """Tell whether there is no such object; None when the service does not say."""
    async with requester.slot():
        return await _is_gone(requester, address)


async def _is_gone(requester: Requester, address: S3Address) -> bool | None:
    place = {"Bucket": address.bucket, "Key": address.key}
    try:
        await requester.call("head_object", f"look up {address}", place)
    except QuackError as error:
        return True if error.kind is ErrorKind.NOT_FOUND else None
    return False


def _changed(address: S3Address, error: QuackError) -> ConflictError:
    return ConflictError(
        f"cannot delete {address}: it changed meanwhile; look at it again",
        code="changed",
        status_code=error.status_code,
        request_id=error.request_id,
    )
