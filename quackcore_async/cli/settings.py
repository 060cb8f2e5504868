"""The options that every command has, before its name and after it."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, Self

import typer

__all__ = ["SHARED_OPTIONS", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a command is to behave, whatever it does.

    Attributes:
        config: Configuration file that goes before every other one.
        as_json: Write JSON on standard output.
        quiet: Write no progress and no summary.
        verbose: 1 logs what is done, 2 and more everything, with tracebacks.
        timeout: Seconds after which the command is cancelled; None waits.
    """

    config: str | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: int = 0
    timeout: float | None = None

    def overlaid(self, given: Mapping[str, Any]) -> Self:
        """Return these settings with what was given after the command in the place of what was given before it."""
        return type(self)(**{**asdict(self), **{key: value for key, value in given.items() if value}})


def _option(*names: str, help: str, **more: Any) -> Any:  # noqa: A002, ANN401 - as typer names and types it
    return typer.Option(*names, help=help, show_default=False, **more)


def _positive(value: float | None) -> float | None:
    if value is not None and value <= 0:
        raise typer.BadParameter("give seconds above 0")
    return value


_TYPES: Final = {
    "config": (
        Annotated[
            str | None,
            _option("--config", metavar="FILE", help="Configuration file; goes before every other one."),
        ],
        None,
    ),
    "as_json": (
        Annotated[bool, _option("--json", help="Write JSON on standard output, a line for each object.")],
        False,
    ),
    "quiet": (Annotated[bool, _option("--quiet", "-q", help="No progress and no summary: errors only.")], False),
    "verbose": (
        Annotated[
            int,
            _option("--verbose", "-v", count=True, help="Log what is done on standard error; -vv: everything."),
        ],
        0,
    ),
    "timeout": (
        Annotated[
            float | None,
            _option(
                "--timeout",
                metavar="SECONDS",
                callback=_positive,
                help="Give up, and clean up, after so many seconds.",
            ),
        ],
        None,
    ),
}

SHARED_OPTIONS: Final = tuple(
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
    for name, (annotation, default) in _TYPES.items()
)
"""The options as parameters, to be put behind those of a function that typer reads."""
