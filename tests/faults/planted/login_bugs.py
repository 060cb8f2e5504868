"""Bugs of logins and of the requests that carry them."""

from tests.faults.planted.bug import Bug

RENEWAL = "auth/test_renewal.py"
SIGNING = "clients/http/test_signing.py"

BUGS = (
    Bug(
        "a login is published before it is stored",
        "auth/persistence.py",
        "    unsaved = await _write(login, grant, lock=lock)\n    login.publish(grant)\n",
        "    login.publish(grant)\n    unsaved = await _write(login, grant, lock=lock)\n",
        ("faults/test_crashes.py::test_a_new_login_is_stored_before_anybody_sees_it", RENEWAL),
    ),
    Bug(
        "a refresh is torn by the cancellation of who asked for it",
        "auth/renewal.py",
        "            grace=CLOSING_SECONDS if login.in_background else SHIELD_SECONDS,\n",
        "            grace=0,\n",
        ("auth/test_base.py", "auth/test_cancellation.py"),
        only="cut_a_refresh_short or at_every_point",
    ),
    Bug(
        "a refresh token that stays is lost",
        "auth/renewal.py",
        "refresh_token=fresh.refresh_token or old.refresh_token",
        "refresh_token=fresh.refresh_token",
        (RENEWAL,),
        only="without_a_refresh_token",
    ),
    Bug(
        "what another process has renewed is renewed again",
        "auth/renewal.py",
        "        if found is not None and usable(login, found):\n            return await adopt(login, found)\n",
        "",
        ("auth/test_processes.py",),
        only="renew_once or in_place_of_a_request",
    ),
    Bug(
        "processes renew one login at the same time",
        "auth/renewal.py",
        "    async with login.lock():\n        stored = await read(login)\n        if is_gone",
        "    if True:\n        stored = await read(login)\n        if is_gone",
        ("auth/test_processes.py",),
        only="renew_once",
    ),
    Bug(
        "a login that was called off is asked for again",
        "auth/renewal.py",
        "    return None if failure is None else Outcome(Work.REFRESH, failure)\n",
        "    return None\n",
        (RENEWAL,),
        only="called_off",
    ),
    Bug(
        "an answer without a token takes the place of the login",
        "auth/renewal.py",
        "    check_token(login, fresh, needed=bool(old.token))\n",
        "    check_token(login, fresh, needed=False)\n",
        (RENEWAL,),
        only="without_a_token",
    ),
    Bug(
        "a login that could not be stored is never stored",
        "auth/persistence.py",
        "        shared.unsaved = grant\n        return failure\n",
        "        return failure\n",
        (RENEWAL,),
        only="stored_later or not_stored_yet",
    ),
    Bug(
        "the connection of a 401 is held while its login is renewed",
        "clients/http/signing.py",
        "        response = await _set_free(response)\n",
        "",
        (SIGNING,),
        only="few_connections",
    ),
    Bug(
        "credentials go to any origin",
        "clients/http/signing.py",
        "        if not call.authenticate or not self._is_allowed(origin, call):\n",
        "        if not call.authenticate:\n",
        (SIGNING,),
        only="elsewhere_gets_no_credentials",
    ),
    Bug(
        "a 401 to a stream is answered with half of the stream",
        "clients/http/signing.py",
        "        if not is_replayable(request.stream):\n",
        "        if False:\n",
        (SIGNING,),
        only="not_replayed",
    ),
)
