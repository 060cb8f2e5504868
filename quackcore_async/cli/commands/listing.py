"""`quack ls`, `quack stat` and `quack cat`: what there is, what is known of it, and what is in it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quackcore_async.cli.command import command
from quackcore_async.cli.locations import parse_location
from quackcore_async.cli.options import Exclude, Include
from quackcore_async.cli.output import Outcome, Output

if TYPE_CHECKING:
    from quackcore_async.protocols import RemoteFile

__all__ = ["add_to"]

_LS = "List files and folders. A folder ends in /; sizes are in bytes, times in UTC."
_LS_EXAMPLES = ("quack ls", "quack ls s3://archive/photos/", "quack ls -r --json s3://archive/ --include '*.jpg'")
_STAT = "Show what is known of files."
_CAT = "Write files to standard output, one after the other."
_MEMBERS = (
    "size",
    "last_modified",
    "mtime",
    "mode",
    "etag",
    "content_type",
    "storage_class",
    "version_id",
    "checksums",
)

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="The files.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "ls", _LS, examples=_LS_EXAMPLES)(_ls)
    command(app, "stat", _STAT, examples=("quack stat s3://archive/photos/a.jpg",))(_stat)
    command(app, "cat", _CAT, examples=("quack cat s3://archive/notes.txt > notes.txt",))(_cat)


async def _ls(
    out: Output,
    location: Annotated[str, typer.Argument(metavar="LOCATION", help="A folder or a file.")] = ".",
    recursive: Annotated[
        bool,
        typer.Option("--recursive", "-r", help="List files at any depth, and no folders.", show_default=False),
    ] = False,
    include: Include = None,
    exclude: Exclude = None,
) -> Outcome:
    from quackcore_async.cli.listing import list_location
    from quackcore_async.cli.storages import Storages

    files = folders = size = 0
    async with Storages() as storages:
        listing = list_location(
            storages, parse_location(location), recursive=recursive, include=include or (), exclude=exclude or ()
        )
        async for path, file in listing:
            folders += bool(file.get("is_folder"))
            files += not file.get("is_folder")
            size += file["size"]
            if out.settings.as_json:
                out.record("folder" if file.get("is_folder") else "file", _members(path, file))
            else:
                out.line(_row(path, file))
    return Outcome(data={"location": location, "files": files, "folders": folders, "bytes": size})


async def _stat(out: Output, files: Files) -> Outcome:
    from quackcore_async.cli.storages import Storages

    async with Storages() as storages:
        for text in files:
            place = await storages.place(parse_location(text))
            file = (await place.storage.stat_file(place.path)).unwrap()
            if out.settings.as_json:
                out.record("file", {**_members(file["path"], file), "location": text})
            else:
                for line in _description(text, file):
                    out.line(line)
    return Outcome(data={"files": len(files)})


async def _cat(out: Output, files: Files) -> Outcome:
    from quackcore_async.cli.copying import write_files

    return await write_files(out, [parse_location(file) for file in files])


def _row(path: str, file: "RemoteFile") -> str:
    if file.get("is_folder"):
        return f"{'-':>12}  {'-':<19}  {path}"
    return f"{file['size']:>12}  {_moment(file):<19}  {path}"


def _moment(file: "RemoteFile") -> str:
    from datetime import UTC

    from quackcore_async.protocols import moment_of

    seconds = file.get("mtime")
    moment = moment_of(seconds) if seconds is not None else file["last_modified"]
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment is not None else "-"


def _members(path: str, file: "RemoteFile") -> dict[str, Any]:
    """Return the members of a JSON line; one that is not known is null."""
    known: Mapping[str, Any] = file
    return {
        "path": path,
        "name": file["name"],
        "url": file["url"],
        **{name: known.get(name) for name in _MEMBERS},
        "metadata": dict(known.get("metadata") or {}),
    }


def _description(text: str, file: "RemoteFile") -> list[str]:
    members = _members(file["path"], file)
    shown = {"location": text, **members, "mode": f"{file['mode']:04o}" if "mode" in file else None}
    metadata = shown.pop("metadata")
    lines = [f"{name + ':':<16}{value}" for name, value in shown.items() if value not in (None, {})]
    return [*lines, *(f"{'metadata:':<16}{key}={value}" for key, value in metadata.items())]
