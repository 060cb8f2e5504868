"""What the error codes of S3 and the exception classes of the libraries below it mean: one table."""

from dataclasses import dataclass
from typing import Final

from quackcore_async.errors import (
    AccessDeniedError,
    AuthError,
    ConflictError,
    ConnectFailedError,
    CredentialsMissingError,
    ErrorKind,
    IntegrityError,
    InvalidNameError,
    QuackError,
    RemoteNotFoundError,
    ResponseError,
    StorageError,
    TimedOutError,
    TransportError,
)

__all__ = ["CLASSES", "CODES", "STATUSES", "Meaning"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error code or a foreign exception class stands for.

    Attributes:
        error: Class of our error.
        kind: Its coarse class.
        code: Its fine name.
        retryable: Whether the same request may succeed later.
        advice: What to do next; empty when the service's own words say it.
    """

    error: type[QuackError]
    kind: ErrorKind
    code: str
    retryable: bool = False
    advice: str = ""


K = ErrorKind
NOT_FOUND = Meaning(RemoteNotFoundError, K.NOT_FOUND, "not_found")
BUCKET = Meaning(
    RemoteNotFoundError, K.MISCONFIGURED, "bucket_missing", advice="create the bucket or correct its name"
)
DENIED = Meaning(
    AccessDeniedError,
    K.PERMISSION_DENIED,
    "access_denied",
    advice="check the policy; without s3:ListBucket a missing object is answered like this too",
)
BAD_KEYS = Meaning(AuthError, K.AUTH_REQUIRED, "bad_credentials", advice="check the access key and its secret")
EXPIRED = Meaning(
    AuthError, K.AUTH_REQUIRED, "expired_token", advice="log in again, or give credentials that renew themselves"
)
CLOCK = Meaning(ResponseError, K.MISCONFIGURED, "clock_skew", advice="set this machine's clock")
REDIRECT = Meaning(
    ResponseError,
    K.MISCONFIGURED,
    "redirect",
    advice="check `endpoint_url`, and whether a proxy or a log-in page stands before the service",
)
REGION = Meaning(ResponseError, K.MISCONFIGURED, "region", advice="set `region` to that of the bucket")
CONFLICT = Meaning(ConflictError, K.CONFLICT, "conflict")
RACE = Meaning(ConflictError, K.CONFLICT, "conflict", retryable=True)
PRECONDITION = Meaning(ConflictError, K.CONFLICT, "precondition")
ARCHIVED = Meaning(ConflictError, K.CONFLICT, "archived", advice="restore the object from its archive first")
SLOW_DOWN = Meaning(ResponseError, K.RATE_LIMITED, "slow_down", retryable=True)
SERVER_TIMEOUT = Meaning(TimedOutError, K.TIMEOUT, "request_timeout", retryable=True)
UNAVAILABLE = Meaning(ResponseError, K.UNAVAILABLE, "server_error", retryable=True)
DAMAGED = Meaning(IntegrityError, K.CORRUPTED, "integrity", retryable=True)
INVALID = Meaning(StorageError, K.INVALID_INPUT, "invalid_request")
INVALID_NAME = Meaning(InvalidNameError, K.INVALID_INPUT, "invalid_name")
TOO_LARGE = Meaning(StorageError, K.INVALID_INPUT, "too_large")
RANGE = Meaning(StorageError, K.INVALID_INPUT, "invalid_range")
UNSUPPORTED = Meaning(StorageError, K.UNSUPPORTED, "capability", advice="the service does not offer this")
NO_UPLOAD = Meaning(RemoteNotFoundError, K.NOT_FOUND, "no_such_upload")
FULL = Meaning(StorageError, K.UNAVAILABLE, "disk_full", advice="the service has no room left")
CONNECT = Meaning(
    ConnectFailedError, K.UNAVAILABLE, "connection", retryable=True, advice="check the endpoint and the network"
)
RESET = Meaning(TransportError, K.UNAVAILABLE, "reset", retryable=True)
TRUNCATED = Meaning(IntegrityError, K.CORRUPTED, "truncated", retryable=True)
CONNECT_TIMEOUT = Meaning(ConnectFailedError, K.TIMEOUT, "connect_timeout", retryable=True)
IDLE = Meaning(TimedOutError, K.TIMEOUT, "idle", retryable=True)
DNS = Meaning(
    ConnectFailedError, K.UNAVAILABLE, "dns", retryable=True, advice="check the host name of the endpoint"
)
NO_SUCH_HOST = Meaning(ConnectFailedError, K.UNAVAILABLE, "dns", advice="check the host name of the endpoint")
TLS = Meaning(
    TransportError,
    K.MISCONFIGURED,
    "tls",
    advice="check the certificate, the CA bundle and whether it is http or https",
)
PROXY = Meaning(TransportError, K.MISCONFIGURED, "proxy", advice="check HTTP_PROXY, HTTPS_PROXY and NO_PROXY")
PROTOCOL = Meaning(TransportError, K.CORRUPTED, "protocol", retryable=True)
CONFIG = Meaning(TransportError, K.MISCONFIGURED, "config", advice="check the configuration")
ENDPOINT = Meaning(TransportError, K.MISCONFIGURED, "endpoint", advice="check `endpoint_url` and `region`")
NO_CREDENTIALS = Meaning(
    CredentialsMissingError,
    K.AUTH_REQUIRED,
    "missing_credentials",
    advice="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the keys in the configuration",
)
NO_LOGIN = Meaning(AuthError, K.AUTH_REQUIRED, "reauth_required", advice="log in again")
INTERNAL = Meaning(QuackError, K.INTERNAL, "internal")


def _by_name(*rows: tuple[Meaning, *tuple[str, ...]]) -> dict[str, Meaning]:
    return {name: meaning for meaning, *lines in rows for line in lines for name in line.split()}


CODES: Final = _by_name(
    (NOT_FOUND, "NoSuchKey NoSuchVersion NoSuchObject NotFound"),
    (BUCKET, "NoSuchBucket NoSuchAccessPoint"),
    (DENIED, "AccessDenied AllAccessDisabled AccountProblem"),
    (BAD_KEYS, "InvalidAccessKeyId SignatureDoesNotMatch InvalidSecurity NotSignedUp CredentialsNotSupported"),
    (EXPIRED, "ExpiredToken ExpiredTokenException TokenRefreshRequired InvalidToken RequestExpired"),
    (CLOCK, "RequestTimeTooSkewed"),
    (
        REGION,
        "PermanentRedirect TemporaryRedirect Redirect AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException BucketRegionError",
    ),
    (CONFLICT, "BucketAlreadyExists BucketAlreadyOwnedByYou BucketNotEmpty InvalidBucketState"),
    (RACE, "ConditionalRequestConflict OperationAborted"),
    (PRECONDITION, "PreconditionFailed"),
    (ARCHIVED, "InvalidObjectState"),
    (
        SLOW_DOWN,
        "SlowDown SlowDownRead SlowDownWrite Throttling ThrottlingException ThrottledException",
        "RequestThrottled RequestThrottledException TooManyRequests TooManyRequestsException",
        "RequestLimitExceeded BandwidthLimitExceeded LimitExceededException Busy",
    ),
    (SERVER_TIMEOUT, "RequestTimeout RequestTimeoutException PriorRequestNotComplete"),
    (UNAVAILABLE, "InternalError InternalServerError InternalFailure ServiceUnavailable"),
    (DAMAGED, "BadDigest IncompleteBody InvalidDigest XAmzContentChecksumMismatch XAmzContentSHA256Mismatch"),
    (
        INVALID,
        "InvalidArgument InvalidEncryptionAlgorithmError InvalidPart InvalidPartOrder InvalidRequest",
        "InvalidStorageClass InvalidTag KMS.NotFoundException KMS.DisabledException MalformedXML",
        "MetadataTooLarge MissingContentLength MissingContentMD5 EntityTooSmall",
    ),
    (INVALID_NAME, "InvalidBucketName InvalidURI InvalidObjectName KeyTooLongError"),
    (TOO_LARGE, "EntityTooLarge MaxMessageLengthExceeded"),
    (RANGE, "InvalidRange"),
    (UNSUPPORTED, "NotImplemented MethodNotAllowed UnsupportedOperation XNotImplemented"),
    (NO_UPLOAD, "NoSuchUpload"),
    (FULL, "QuotaExceeded InsufficientStorage XMinioStorageFull"),
)
"""Error codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and some more."""

STATUSES: Final = _by_name(
    (REGION, "301 307 308"),
    (REDIRECT, "302 303"),
    (INVALID, "400 411"),
    (BAD_KEYS, "401"),
    (DENIED, "403"),
    (NOT_FOUND, "404"),
    (UNSUPPORTED, "405 501"),
    (SERVER_TIMEOUT, "408"),
    (CONFLICT, "409"),
    (PRECONDITION, "412"),
    (TOO_LARGE, "413"),
    (RANGE, "416"),
    (SLOW_DOWN, "429"),
    (UNAVAILABLE, "500 502 503 504"),
    (FULL, "507"),
)
"""Statuses, for answers whose code is not known or that have none, such as those to a HEAD."""

CLASSES: Final = _by_name(
    (CONNECT, "EndpointConnectionError ConnectionError ClientConnectorError UnixClientConnectorError"),
    (
        RESET,
        "ConnectionClosedError HTTPClientError ResponseStreamingError ClientConnectionError",
        "ClientConnectionResetError ClientOSError ServerConnectionError ServerDisconnectedError",
        "ClientError UploadAbortedError",
    ),
    (TRUNCATED, "ClientPayloadError IncompleteReadError"),
    (CONNECT_TIMEOUT, "ConnectTimeoutError ConnectionTimeoutError"),
    (IDLE, "ReadTimeoutError AioReadTimeoutError ServerTimeoutError SocketTimeoutError"),
    (DNS, "ClientConnectorDNSError"),
    (
        TLS,
        "SSLError ClientSSLError ClientConnectorSSLError ClientConnectorCertificateError",
        "ServerFingerprintMismatch",
    ),
    (PROXY, "ProxyConnectionError InvalidProxiesConfigError ClientProxyConnectionError ClientHttpProxyError"),
    (
        PROTOCOL,
        "ClientResponseError ContentTypeError HttpProcessingError PayloadEncodingError ResponseParserError",
    ),
    (
        ENDPOINT,
        "InvalidURL InvalidUrlClientError InvalidUrlRedirectClientError NonHttpUrlClientError",
        "NonHttpUrlRedirectClientError RedirectClientError TooManyRedirects BaseEndpointResolverError",
        "EndpointProviderError EndpointResolutionError EndpointVariantError",
        "InvalidEndpointConfigurationError InvalidEndpointDiscoveryConfigurationError InvalidRegionError",
        "NoRegionError ServiceNotInRegionError UnknownEndpointError UnknownEndpointResolutionBuiltInName",
        "UnknownFIPSEndpointError UnknownRegionError",
    ),
    (NO_CREDENTIALS, "NoCredentialsError PartialCredentialsError NoAuthTokenError"),
    (
        NO_LOGIN,
        "CredentialRetrievalError LoginError MetadataRetrievalError RefreshWithMFAUnsupportedError",
        "SSOError SSOTokenLoadError TokenRetrievalError UnauthorizedSSOTokenError UnknownCredentialError",
    ),
    (
        CONFIG,
        "ConfigNotFound ConfigParseError ImminentRemovalWarning InfiniteLoopConfigError",
        "InvalidChecksumConfigError InvalidConfigError InvalidDefaultsMode InvalidIMDSEndpointError",
        "InvalidIMDSEndpointModeError InvalidMaxRetryAttemptsError InvalidRetryConfigurationError",
        "InvalidRetryModeError InvalidS3AddressingStyleError InvalidS3UsEast1RegionalEndpointConfigError",
        "InvalidSTSRegionalEndpointsConfigError MissingDependencyException ProfileNotFound",
        "UnknownSignatureVersionError UnsupportedS3AccesspointConfigurationError",
        "UnsupportedS3ConfigurationError UnsupportedS3ControlConfigurationError",
        "UnsupportedServiceProtocolsError UnsupportedSignatureVersionError",
    ),
    (
        INVALID,
        "AliasConflictParameterError MissingParametersError ParamValidationError RangeError",
        "UnknownKeyError UnknownParameterError UnseekableStreamError ValidationError",
    ),
    (
        INVALID_NAME,
        "InvalidDNSNameError InvalidHostLabelError UnsupportedOutpostResourceError UnsupportedS3ArnError",
        "UnsupportedS3ControlArnError",
    ),
    (DAMAGED, "ChecksumError FlexibleChecksumError"),
    (
        INTERNAL,
        "ApiVersionNotFoundError AwsChunkedWrapperError BotoCoreError CapacityNotAvailableError",
        "DataNotFoundError EofStream EventStreamError InvalidExpressionError MD5UnavailableError",
        "MissingServiceIdError NoInitialResponseError OperationNotPageableError PaginationError",
        "StubAssertionError StubResponseError UnStubbedResponseError UndefinedModelAttributeError",
        "UnknownClientMethodError UnknownServiceError UnknownServiceStyle WSMessageTypeError",
        "WSServerHandshakeError WebSocketError WaiterConfigError WaiterError",
    ),
)
"""Exception classes of botocore, aiobotocore and aiohttp; a subclass means what its nearest base means."""
