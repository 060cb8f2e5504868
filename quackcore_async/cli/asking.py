"""Asking the person at the terminal."""

import sys

from quackcore_async.cli.usage import UsageFault

__all__ = ["is_confirmed"]


async def is_confirmed(question: str, *, what: str) -> bool:
    """Ask, and tell whether the answer was yes.

    Args:
        question: Without its question mark.
        what: What is to be done, for the message when nobody is there: `delete`.

    Raises:
        UsageFault: if there is no terminal.
    """
    from quackcore_async.concurrency import run_in_thread

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageFault(f"there is no terminal to ask on: add --yes to {what}, or --dry-run to see what would go")
    sys.stderr.write(f"{question}? [y/N] ")
    sys.stderr.flush()
    answer = await run_in_thread(sys.stdin.readline, abandon_on_cancel=True)
    return answer.strip().lower() in {"y", "yes"}
