"""Register the clients' tables of errors, each of which is loaded at the first such error."""

from quackcore_async.clients.libraries import OBJECT_STORE_LIBRARIES, S3_LIBRARIES
from quackcore_async.errors import QuackError
from quackcore_async.results import register_foreign_errors

__all__: list[str] = []


def _error_of_s3(exc: Exception) -> QuackError | None:
    from quackcore_async.clients.s3.failures import error_from_libraries

    return error_from_libraries(exc)


def _error_of_object_store(exc: Exception) -> QuackError:
    from quackcore_async.clients.objectstore.failures import classify

    return classify(exc, "use an object store")


for _library in S3_LIBRARIES:
    register_foreign_errors(_library, _error_of_s3)
for _library in OBJECT_STORE_LIBRARIES:
    register_foreign_errors(_library, _error_of_object_store)
