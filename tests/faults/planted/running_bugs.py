"""Bugs of what runs at the same time and what is tried again: concurrency, retries, the wire, lifecycles."""

from tests.faults.planted.bug import Bug

RETRY = "test_retry.py"
RETRYING = "transport/test_retrying.py"

CONCURRENCY = (
    Bug(
        "a shield does not shield",
        "concurrency/shield.py",
        "shield=grace > 0",
        "shield=False",
        ("concurrency/test_shield.py", "faults/test_cancellations.py"),
    ),
    Bug(
        "a native cancellation gets through a shield",
        "concurrency/shield.py",
        "            group.start_soon(run)\n",
        "            await run()\n",
        ("concurrency/test_shield.py",),
    ),
    Bug(
        "a thread that writes is left behind by a native cancellation",
        "concurrency/threads.py",
        "        if job.is_running():\n",
        "        if False:\n",
        ("concurrency/test_threads.py",),
        only="asyncio_way",
    ),
    Bug(
        "an item that cancels itself is left out unnoticed",
        "concurrency/fanout.py",
        "    if left_out:",
        "    if False:",
        ("faults/test_self_cancellations.py", "concurrency/test_fanout.py"),
    ),
    Bug(
        "a cancellation from outside becomes the failure of an item",
        "concurrency/containment.py",
        "        return anyio.current_effective_deadline() == -math.inf\n",
        "        return False\n",
        ("faults/test_self_cancellations.py", "concurrency/test_containment.py"),
    ),
    Bug(
        "a flight whose leader was cancelled never lands",
        "concurrency/flight.py",
        "            if self._flight is flight:\n                self._flight = None\n",
        "",
        ("concurrency/test_flight.py",),
        only="after_a_cancelled_leader",
    ),
)

RETRIES = (
    Bug(
        "Retry-After is ignored",
        "retry.py",
        "        if retry_after is None:\n",
        "        if True:\n",
        (RETRY,),
        only="waited_for_at_least",
    ),
    Bug(
        "a Retry-After of hours is slept through",
        "retry.py",
        "        if error.retry_after is not None and error.retry_after > self.patience():\n",
        "        if False:\n",
        (RETRY,),
        only="does_not_fit",
    ),
    Bug(
        "the budget of retries is never empty",
        "retry.py",
        "        if cost is None:\n            return False\n",
        "",
        (RETRY, "clients/s3/test_faults.py"),
        only="empty_budget or multiply_the_load",
    ),
    Bug(
        "what may not be retried is retried",
        "retry.py",
        "        if not error.retryable or self.attempt >= self.policy.attempts:\n",
        "        if self.attempt >= self.policy.attempts:\n",
        (RETRY,),
        only="not_retried",
    ),
    Bug(
        "a POST that may have been done is sent again",
        "transport/status.py",
        "        retryable=status in RETRYABLE_STATUSES and (idempotent or refused),\n",
        "        retryable=status in RETRYABLE_STATUSES,\n",
        (RETRYING,),
        only="may_have_done_it",
    ),
    Bug(
        "a POST on a stale connection is sent twice",
        "transport/wire.py",
        "                if attempt.fresh or not (is_idempotent(request) and is_replayable(request)):\n",
        "                if attempt.fresh:\n",
        ("transport/test_wire.py",),
        only="sent_twice",
    ),
    Bug(
        "a body of which a part is gone is sent again",
        "transport/retrying.py",
        "        return not self.barred and not self._body_is_gone()\n",
        "        return not self.barred\n",
        (RETRYING,),
        only="was_begun_is_not_sent_again",
    ),
    Bug(
        "a cancelled call keeps its connection",
        "transport/wire.py",
        "        except BaseException:\n            slots.release()\n            raise\n",
        "        except Exception:\n            slots.release()\n            raise\n",
        ("transport/test_wire.py",),
        only="cancelled",
    ),
    Bug(
        "a cancelled call keeps its slot",
        "transport/retrying.py",
        "        except BaseException:\n            await call.abandon()\n            raise\n",
        "        except BaseException:\n            raise\n",
        (RETRYING,),
        only="slot_back or holds_nothing",
    ),
    Bug(
        "a circuit that is open lets everything through",
        "transport/gate.py",
        "            host.breaker.check()\n",
        "            pass\n",
        ("transport/test_gate.py", RETRYING),
        why_not_found="who is admitted is checked once more: only the wait for a slot would be in vain",
    ),
    Bug(
        "an answer is unpacked without end",
        "transport/reading.py",
        "    if len(body) > limit:\n",
        "    if False:\n",
        ("transport/test_reading.py",),
        only="limit or beyond",
    ),
)

LIFECYCLES = (
    Bug(
        "an integration that exits ends the program",
        "registry/bringup.py",
        "        if comes_from_outside(exc):\n            raise\n",
        "        if comes_from_outside(exc) or isinstance(exc, SystemExit):\n            raise\n",
        ("registry/test_registry.py",),
        only="one_bad_start or plain_exception or exits",
    ),
    Bug(
        "an integration that hangs holds up all",
        "registry/bringup.py",
        "anyio.move_on_after(timeout):",
        "anyio.move_on_after(None):",
        ("registry/test_registry.py",),
        only="one_bad_start",
    ),
    Bug(
        "what depends on a failed integration is brought up",
        "registry/bringup.py",
        "            if failed:\n",
        "            if False:\n",
        ("registry/test_registry.py",),
        only="the_blocked",
    ),
    Bug(
        "closing all ends with a cancellation",
        "registry/bringup.py",
        "    await shielded(close_all, timeout=math.inf)\n",
        "    await close_all()\n",
        ("registry/test_registry.py",),
        only="closing",
    ),
    Bug(
        "integrations are closed in the order in which they came up",
        "registry/registry.py",
        "for name in reversed(names)}",
        "for name in names}",
        ("registry/test_registry.py",),
        only="reverse_order",
    ),
    Bug(
        "a start that is cancelled leaves open what it opened",
        "service/lifecycle.py",
        "            await self._fail(IntegrationState.NEW)\n            raise\n",
        "            raise\n",
        ("service/test_lifecycle.py", "faults/test_cancellations.py"),
        only="cancelled_start or initialize",
    ),
    Bug(
        "closing is not shielded",
        "service/lifecycle.py",
        "        if not await shielded(close_all, timeout=timeout):\n",
        "        if not await close_all():\n",
        ("service/test_lifecycle.py",),
        only="under_cancellation",
    ),
)

BUGS = CONCURRENCY + RETRIES + LIFECYCLES
