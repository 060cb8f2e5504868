"""From a coroutine function to a command of the command line."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, TypeAlias

import typer

from quackcore_async.cli.output import Outcome, Output
from quackcore_async.cli.settings import SHARED_OPTIONS, Settings

__all__ = ["Handler", "command", "help_text"]

P = ParamSpec("P")

Handler: TypeAlias = Callable[Concatenate[Output, P], Awaitable[Outcome]]
"""What carries a command out: it gets where to write, and returns what came of it."""


def help_text(summary: str, examples: tuple[str, ...]) -> str:
    """Return the help of a command: what it does, then examples as they are to be typed."""
    lines = "\n".join(f"  $ {example}" for example in examples)
    return f"{summary}\n\n\b\nExamples:\n{lines}" if examples else summary


def command(
    app: typer.Typer, name: str, summary: str, *, examples: tuple[str, ...] = ()
) -> Callable[[Handler[P]], Handler[P]]:
    """Make a coroutine function a command.

    Its parameters after the first are read by typer; those that every command has are put behind them.

    Args:
        app: Where the command belongs.
        name: Its name.
        summary: Its help; the first sentence stands in the list of commands.
        examples: Command lines for the help.
    """

    def register(handler: Handler[P]) -> Handler[P]:
        def invoke(context: typer.Context, **values: Any) -> None:
            from quackcore_async.cli.execution import execute

            shared = {option.name: values.pop(option.name) for option in SHARED_OPTIONS}
            before = context.obj if isinstance(context.obj, Settings) else Settings()
            out = Output(before.overlaid(shared), context.command_path.partition(" ")[2] or name)
            raise typer.Exit(execute(out, functools.partial(handler, out, **values)))

        invoke.__signature__ = _signature(handler)  # type: ignore[attr-defined]
        app.command(name, help=help_text(summary, examples), short_help=summary.partition(".")[0])(invoke)
        return handler

    return register


def _signature(handler: Callable[..., Any]) -> inspect.Signature:
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    own = list(inspect.signature(handler, eval_str=True).parameters.values())[1:]
    named = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    return inspect.Signature([context, *named, *SHARED_OPTIONS])
