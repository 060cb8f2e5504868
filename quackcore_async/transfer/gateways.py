"""Which gateway leads to a storage."""

from quackcore_async.errors import ContractError
from quackcore_async.protocols import ObjectStorageProtocol
from quackcore_async.protocols.core import StorageIntegrationProtocol
from quackcore_async.transfer.gateway import StorageGateway
from quackcore_async.transfer.object_gateway import ObjectGateway
from quackcore_async.transfer.plain_gateway import PlainGateway

__all__ = ["gateway"]


def gateway(storage: object, *, resume: bool = False) -> StorageGateway:
    """Return the gateway to a storage.

    Raises:
        ContractError: if it is no storage.
    """
    if isinstance(storage, ObjectStorageProtocol):
        made = ObjectGateway(storage)
        made.resumes = resume
        return made
    if isinstance(storage, StorageIntegrationProtocol):
        return PlainGateway(storage)
    raise ContractError(f"{storage!r} is no storage: it lacks methods of StorageIntegrationProtocol")
