"""What an operation came to, as a value; and where an exception becomes one."""

from quackcore_async.results.conversion import (
    error_of_exception,
    result_of_exception,
    returns_result,
    service_name,
)
from quackcore_async.results.expiry import parse_expiry
from quackcore_async.results.foreign import register_foreign_errors, to_quack_error
from quackcore_async.results.models import AuthResult, BaseResult, ConfigResult, ErrorInfo, IntegrationResult

__all__ = [
    "AuthResult",
    "BaseResult",
    "ConfigResult",
    "ErrorInfo",
    "IntegrationResult",
    "error_of_exception",
    "parse_expiry",
    "register_foreign_errors",
    "result_of_exception",
    "returns_result",
    "service_name",
    "to_quack_error",
]
