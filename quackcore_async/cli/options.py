"""Arguments and options that several commands have."""

from typing import Annotated, TypeAlias

import typer

__all__ = [
    "Checksum",
    "Concurrency",
    "DryRun",
    "Exclude",
    "Include",
    "Recursive",
    "Resume",
    "SizeOnly",
    "SourceFolder",
    "Sources",
    "Target",
    "TargetFolder",
]

SourceFolder: TypeAlias = Annotated[
    str, typer.Argument(metavar="SRC", help="A folder: what is to be.", show_default=False)
]
TargetFolder: TypeAlias = Annotated[
    str, typer.Argument(metavar="DST", help="A folder: what is compared with it.", show_default=False)
]
Sources: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="SRC", help="Where from: files; with -r folders too.", show_default=False)
]
Target: TypeAlias = Annotated[str, typer.Argument(metavar="DST", help="Where to.", show_default=False)]
Recursive: TypeAlias = Annotated[
    bool, typer.Option("--recursive", "-r", help="Take folders, with all that is in them.", show_default=False)
]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Change nothing; say what would be done.", show_default=False)
]
Resume: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--resume/--no-resume",
        help="Go on with large files where an interrupted run with --resume has stopped, and keep what this one "
        "has done of them; files that are there already are skipped. `quack cleanup` removes what is left.",
    ),
]
Include: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Take only files that match; may be repeated. With a / in it the whole path counts, else the name.",
        show_default=False,
    ),
]
Exclude: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Leave out files that match; may be repeated.", show_default=False),
]
Concurrency: TypeAlias = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Files under way at a time.", show_default=False),
]
Checksum: TypeAlias = Annotated[
    bool,
    typer.Option("--checksum", help="Compare what is in the files, not their times.", show_default=False),
]
SizeOnly: TypeAlias = Annotated[
    bool, typer.Option("--size-only", help="Files of the same size are the same.", show_default=False)
]
