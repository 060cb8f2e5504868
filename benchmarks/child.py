"""The process in which one run is measured: `python -m benchmarks.child MODULE FUNCTION < OPTIONS`."""

import dataclasses
import importlib
import json
import os
import sys
from functools import partial

import anyio

from benchmarks.probe import Probe


def main(module: str, function: str) -> None:
    """Await `function(probe, **options)` of a module, and print what its probe saw.

    The option `backend` names the event loop, asyncio unless it says otherwise; `lag` has its lag measured.
    """
    options = json.load(sys.stdin)
    backend = options.pop("backend", "asyncio")
    probe = Probe(lag=options.pop("lag", False))
    measured = partial(getattr(importlib.import_module(module), function), probe, **options)
    if backend == "uvloop":
        anyio.run(measured, backend="asyncio", backend_options={"use_uvloop": True})
    else:
        anyio.run(measured, backend=backend)
    print(json.dumps(dataclasses.asdict(probe.figures)), flush=True)
    os._exit(0)  # all is measured; opendal's threads abort at times when the interpreter goes


if __name__ == "__main__":
    main(*sys.argv[1:])
