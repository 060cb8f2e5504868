"""Growth of memory when `sync` copies very many small files, against few."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.probe import Probe
from benchmarks.report import MIB, Table
from benchmarks.rounds import measure
from benchmarks.scratch import scratch_folder


def run(*, quick: bool) -> Iterator[Table]:
    """Sync two trees to a local storage, then each once more, when nothing moves."""
    few, many = (100, 1_000) if quick else (1_000, 100_000)
    table = Table("sync of tiny local files: growth of peak memory", ["files", "run", "MiB", "wall s", "CPU s"])
    grown = {}
    for count in (few, many):
        with scratch_folder() as folder:
            make_tree(folder / "source", count)
            for name in ("first", "second"):
                figures = measure(__name__, "ours", folder=str(folder), count=count)
                grown[count, name] = figures.memory / MIB
                table.rows.append(
                    [str(count), name, f"{figures.memory / MIB:.1f}", f"{figures.wall:.1f}", f"{figures.cpu:.1f}"]
                )
    more = max(grown[many, name] - grown[few, name] for name in ("first", "second"))
    table.notes.append(f"{many} files take {more:.1f} MiB more than {few}. Bar for 100000: 20 MiB.")
    yield table


def make_tree(root: Path, count: int) -> None:
    """Write small files, a hundred to a folder."""
    for number in range(count):
        path = root / f"{number // 100:04d}" / f"{number:06d}.txt"
        if number % 100 == 0:
            path.parent.mkdir(parents=True)
        path.write_text(f"{number}\n", encoding="ascii")


async def ours(probe: Probe, *, folder: str, count: int) -> None:
    """Sync the tree to a local storage beside it."""
    from quackcore_async import LocalStorage, sync

    target = Path(folder, "target")
    target.mkdir(exist_ok=True)
    async with LocalStorage(root=str(target)) as storage:
        with probe:
            result = await sync(str(Path(folder, "source")), (storage, ""))
    result.unwrap()
    assert sum(1 for path in target.rglob("*.txt")) == count
