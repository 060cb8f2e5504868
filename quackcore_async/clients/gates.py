"""Register the clients' tables of errors, each of which is loaded at the first such error."""

from quackcore_async.clients.libraries import S3_LIBRARIES
from quackcore_async.errors import QuackError
from quackcore_async.results import register_foreign_errors

__all__: list[str] = []


def _error_of_s3(exc: Exception) -> QuackError | None:
    from quackcore_async.clients.s3.failures import error_from_libraries

    return error_from_libraries(exc)


for _library in S3_LIBRARIES:
    register_foreign_errors(_library, _error_of_s3)
