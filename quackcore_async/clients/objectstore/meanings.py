"""What the error codes of Google Cloud Storage and Azure, and the failures of obstore's HTTP client, stand for."""

from typing import Final

from quackcore_async.clients.s3 import meanings
from quackcore_async.clients.s3.meanings import Meaning
from quackcore_async.errors import (
    AccessDeniedError,
    AuthError,
    ConflictError,
    CredentialsMissingError,
    ErrorKind,
    StorageError,
    TransportError,
)

__all__ = ["CANNOT_SIGN", "CLASSES", "CODES", "NO_CREDENTIALS", "STATUSES", "TOKEN_REQUEST", "TRANSPORT"]

K = ErrorKind
DENIED = Meaning(
    AccessDeniedError,
    K.PERMISSION_DENIED,
    "access_denied",
    advice="check the role of the account; without leave to list, a missing object may be answered like this too",
)
BAD_KEYS = Meaning(
    AuthError, K.AUTH_REQUIRED, "bad_credentials", advice="check the account, its key or token, and the clock"
)
NO_CREDENTIALS = Meaning(
    CredentialsMissingError,
    K.AUTH_REQUIRED,
    "missing_credentials",
    advice="configure an account with its key, token or credentials file, or set the environment variables of one",
)
TOKEN_REQUEST = Meaning(
    AuthError, K.AUTH_REQUIRED, "token_request", advice="check the account that the token is asked for"
)
EXISTS = Meaning(ConflictError, K.CONFLICT, "exists")
LEASED = Meaning(ConflictError, K.CONFLICT, "leased", advice="break or release the lease of the blob first")
METADATA = Meaning(
    StorageError,
    K.INVALID_INPUT,
    "invalid_metadata",
    advice="Azure takes letters, digits and `_` in the names of metadata",
)
PROTOCOL = Meaning(
    TransportError,
    K.CORRUPTED,
    "protocol",
    retryable=True,
    advice="check that the endpoint is the service itself, not a proxy or a log-in page",
)
CANNOT_SIGN = Meaning(
    StorageError,
    K.UNSUPPORTED,
    "capability",
    advice="only the key of an account signs: configure `service_account_file` or `account_key`",
)
UNLISTABLE = Meaning(
    StorageError,
    K.UNSUPPORTED,
    "unlistable_name",
    advice="rename the object with another tool: names with empty parts, `.` or `..` cannot be reached here",
)

UNREADABLE = Meaning(
    StorageError,
    K.UNSUPPORTED,
    "unreadable_metadata",
    advice="write its metadata anew with another tool: only ASCII can be read here",
)


def _by_name(*rows: tuple[Meaning, *tuple[str, ...]]) -> dict[str, Meaning]:
    return {name: meaning for meaning, *lines in rows for line in lines for name in line.split()}


CODES: Final = {
    **meanings.CODES,
    **_by_name(
        (meanings.NOT_FOUND, "BlobNotFound ResourceNotFound CannotVerifyCopySource"),
        (meanings.BUCKET, "ContainerNotFound ContainerBeingDeleted"),
        (
            DENIED,
            "AccessDenied AuthorizationFailure AuthorizationPermissionMismatch InsufficientAccountPermissions",
            "AccountIsDisabled AuthorizationProtocolMismatch AuthorizationResourceTypeMismatch",
            "AuthorizationServiceMismatch AuthorizationSourceIPMismatch PublicAccessNotPermitted",
            "UserProjectMissing UserProjectAccessDenied",
        ),
        (
            BAD_KEYS,
            "AuthenticationFailed InvalidAuthenticationInfo NoAuthenticationInformation AuthenticationRequired",
            "MissingSecurityHeader",
        ),
        (EXISTS, "BlobAlreadyExists UnauthorizedBlobOverwrite"),
        (meanings.PRECONDITION, "ConditionNotMet TargetConditionNotMet SourceConditionNotMet"),
        (LEASED, "LeaseIdMissing LeaseAlreadyPresent LeaseIdMismatchWithBlobOperation LeaseLost"),
        (meanings.ARCHIVED, "BlobArchived BlobBeingRehydrated"),
        (meanings.SLOW_DOWN, "ServerBusy RateLimitExceeded UserRateLimitExceeded"),
        (meanings.SERVER_TIMEOUT, "OperationTimedOut"),
        (meanings.UNAVAILABLE, "BackendError"),
        (meanings.DAMAGED, "Md5Mismatch Crc64Mismatch"),
        (METADATA, "InvalidMetadata EmptyMetadataKey"),
        (meanings.INVALID, "InvalidHeaderValue InvalidInput InvalidQueryParameterValue OutOfRangeInput"),
        (meanings.INVALID_NAME, "InvalidResourceName InvalidUri BlobNameInvalid"),
        (meanings.TOO_LARGE, "RequestBodyTooLarge BlockCountExceedsLimit BlockListTooLong"),
        (meanings.UNSUPPORTED, "UnsupportedHttpVerb UnsupportedHeader FeatureVersionMismatch"),
    ),
}
"""Error codes: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and
https://cloud.google.com/storage/docs/xml-api/reference-status"""

STATUSES: Final = {**meanings.STATUSES, "401": BAD_KEYS, "403": DENIED}
"""Statuses, for answers whose code is not known or that have none."""

TRANSPORT: Final = {
    "Connect": meanings.CONNECT,
    "Timeout": meanings.IDLE,
    "Interrupted": meanings.RESET,
    "Request": meanings.RESET,
    "Decode": PROTOCOL,
    "Unknown": PROTOCOL,
}
"""The kinds of `object_store::client::HttpErrorKind`."""

CLASSES: Final = _by_name(
    (meanings.NOT_FOUND, "FileNotFoundError NotFoundError"),
    (meanings.INVALID_NAME, "InvalidPathError"),
    (meanings.UNSUPPORTED, "NotSupportedError NotImplementedError"),
    (EXISTS, "AlreadyExistsError"),
    (meanings.PRECONDITION, "PreconditionError NotModifiedError"),
    (DENIED, "PermissionDeniedError"),
    (BAD_KEYS, "UnauthenticatedError"),
    (meanings.CONFIG, "UnknownConfigurationKeyError"),
    (meanings.INTERNAL, "JoinError RustPanic BaseError"),
    (PROTOCOL, "GenericError"),
)
"""obstore's exception classes, for those that carry no status and no transport error."""
