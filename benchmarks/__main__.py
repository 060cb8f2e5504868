"""`python -m benchmarks [--quick] [NAME ...]`: run the benchmarks and print their tables."""

import argparse
import importlib

from benchmarks.report import machine, print_table

NAMES = (
    "import_time",
    "bring_up",
    "sync_memory",
    "small_objects",
    "large_object",
    "stalled_link",
    "http_cost",
    "storms",
    "peers",
)


def words(text: str) -> list[str]:
    """Return the words of a list with commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def main() -> None:
    """Run the named benchmarks, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; all without a name")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it runs, not to quote")
    only_peers = parser.add_argument_group("of peers, each a list with commas")
    for name, what in (("engines", "engines of ours"), ("parts", "parts"), ("clients", "beginnings of names")):
        only_peers.add_argument(f"--{name}", type=words, metavar="NAMES", help=f"only these {what}")
    only_peers.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(NAMES))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}: there are {', '.join(NAMES)}")
    print(machine())
    for name in options.names or NAMES:
        own = ("engines", "parts", "clients", "write") if name == "peers" else ()
        given = {key: getattr(options, key) for key in own if getattr(options, key)}
        for table in importlib.import_module(f"benchmarks.{name}").run(quick=options.quick, **given):
            print_table(table)


if __name__ == "__main__":
    main()
