"""A login and its store: it is stored first and published then, and what could not be stored is stored later."""

from contextlib import nullcontext

from quackcore_async.auth.grants import grant_of, guard_of, news, take_stored, tokens_of
from quackcore_async.auth.login import Login
from quackcore_async.auth.shared_login import Grant, Outcome, Work
from quackcore_async.auth.stored_login import ForeignDataError, StoredLogin, is_login
from quackcore_async.auth.stores.document import BrokenDocumentError
from quackcore_async.results import AuthResult

__all__ = ["adopt", "is_gone", "is_stored", "keep", "load", "mark_revoked", "read", "read_whole", "save_again"]


async def read(login: Login) -> StoredLogin | None:
    """Return what the store has; None when it has nothing, or there is no store.

    Raises:
        QuackError: if the store cannot be read.
        ForeignDataError: if it has other data than a login, which an author who keeps the login may have.
    """
    found = login.find_store()
    if found is None:
        return None
    data = await found[0].load(found[1])
    stored = None if data is None else StoredLogin.from_mapping(data)
    if stored is None or stored.is_empty():
        return None
    if data and not is_login(data) and login.owner._shares_login:
        place = getattr(login.owner, "credentials_file", None) or found[0]
        raise ForeignDataError(
            f"{place} holds something else than a login: choose another place for that of {login.name}"
        )
    login.shared.stored = True
    return stored


async def read_whole(login: Login) -> StoredLogin | None:
    """Return what the store has, for one who replaces what is broken: the store puts it aside at the first look.

    Raises:
        QuackError: if the store cannot be read, or leaves what is broken where it is.
    """
    try:
        return await read(login)
    except BrokenDocumentError:
        return await read(login)


def is_gone(login: Login, stored: StoredLogin | None) -> bool:
    """Tell whether somebody deleted the login from the store: it is over then, also in memory."""
    return stored is None and login.shared.stored and login.shared.unsaved is None


async def adopt(login: Login, stored: StoredLogin) -> Outcome:
    """Publish what another process or program stored, in place of asking the service."""
    login.publish(grant_of(login, stored, guard=guard_of(login)))
    login.shared.unsaved = None
    login.shared.seen = tokens_of(stored.credentials)
    result = login.success("renewed by another process")
    login.tell("adopt", result, saved=True)
    return Outcome(Work.REFRESH, result)


async def keep(login: Login, grant: Grant, work: Work, message: str, *, lock: bool = False) -> Outcome:
    """Store a grant first, publish it then: what other tasks see is on the disk already, or is saved again later.

    Args:
        login: The login.
        grant: What the service issued.
        work: What obtained it.
        message: What the result says.
        lock: Whether the store is to be locked for it: the caller has not.
    """
    unsaved = await _write(login, grant, lock=lock)
    login.publish(grant)
    result = login.success(message)
    login.tell(work.value, result, saved=is_stored(login), error=unsaved)
    return Outcome(work, result)


async def _write(login: Login, grant: Grant, *, lock: bool = False) -> AuthResult | None:
    """Store a grant; when that fails, remember to do it later and return why."""
    shared = login.shared
    found = login.find_store()
    if found is None or grant.credentials is None:
        return None
    stored = StoredLogin(grant.credentials, grant.generation, grant.obtained.wall)
    try:
        async with login.lock() if lock else nullcontext():
            if lock:
                await read_whole(login)  # what is no login is not overwritten
            kept = await found[0].save(found[1], stored.to_mapping())
    except Exception as exc:  # noqa: BLE001 - a login that could not be stored is still a login
        failure = login.failure(exc, "save_credentials")
        login.owner.logger.warning("the login of %s could not be stored: %s", login.name, failure.error)
        if shared.unsaved is not None:  # the first time it is tried again at once
            shared.saving.note_failure(login.clocks.monotonic())
        shared.unsaved = grant
        return failure
    shared.unsaved = None
    shared.saving.note_success()
    if kept:
        shared.stored = True
        shared.seen = tokens_of(grant.credentials)
    if not kept and not login.warned_of_store:
        login.warned_of_store = True
        login.owner.logger.warning(
            "the store of %s is read-only: its login is renewed in memory and lost with this process", login.name
        )
    return None


def is_stored(login: Login) -> bool:
    """Tell whether the store had the current login when it was last read or written."""
    grant = login.grant
    return (
        grant is not None and grant.credentials is not None and login.shared.seen == tokens_of(grant.credentials)
    )


async def mark_revoked(login: Login, stored: StoredLogin | None) -> None:
    """Note in the store that the service called the login off. It stays there, for people to look at."""
    found = login.find_store()
    if found is None or stored is None or stored.revoked_at is not None:
        return
    marked = stored._replace(revoked_at=login.clocks.wall())
    try:
        await found[0].save(found[1], marked.to_mapping())
    except Exception as exc:  # noqa: BLE001 - the mark saves a request, no more
        login.owner.logger.warning("the login of %s could not be marked as called off: %s", login.name, exc)


async def load(login: Login, _outcomes: list[Outcome] | None) -> Outcome:
    """Take up what the store has."""
    try:
        stored = news(login, await read(login))
        if stored is not None:
            take_stored(login, stored)
        login.needs_reload = False
        login.set_fast_path()
    except Exception as exc:  # noqa: BLE001 - every task that waits gets it
        return Outcome(Work.LOAD, login.failure(exc, "get_credentials"))
    return Outcome(Work.LOAD, AuthResult.success_result())


async def save_again(login: Login, _outcomes: list[Outcome] | None) -> Outcome:
    """Store the current login, unless somebody stored a newer one meanwhile."""
    shared = login.shared
    grant = shared.unsaved or login.grant
    if grant is None or grant.credentials is None or login.find_store() is None:
        return Outcome(Work.SAVE, AuthResult.error_result("there is no login to store, or nowhere to store it"))
    try:
        async with login.lock():
            failure = await _save(login, grant)
    except Exception as exc:  # noqa: BLE001 - tried again later
        failure = login.failure(exc, "save_credentials")
        shared.saving.note_failure(login.clocks.monotonic())
    login.set_fast_path()
    result = failure or login.success("stored")
    login.tell("save", result, saved=failure is None)
    return Outcome(Work.SAVE, result)


async def _save(login: Login, grant: Grant) -> AuthResult | None:
    stored = news(login, await read(login))
    if stored is not None:
        take_stored(login, stored)
        return None
    return await _write(login, grant)
