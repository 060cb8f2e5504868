"""The process in which one run is measured: `python -m benchmarks.child MODULE FUNCTION < OPTIONS`."""

import asyncio
import dataclasses
import importlib
import json
import sys

from benchmarks.probe import Probe


def main(module: str, function: str) -> None:
    """Await `function(probe, **options)` of a module, and print what its probe saw."""
    probe = Probe()
    asyncio.run(getattr(importlib.import_module(module), function)(probe, **json.load(sys.stdin)))
    print(json.dumps(dataclasses.asdict(probe.figures)))


if __name__ == "__main__":
    main(*sys.argv[1:])
