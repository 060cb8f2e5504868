"""Mutation testing: `python -m tests.mutation`. The same command again goes on where it was interrupted."""

import argparse
import fcntl
import secrets
import signal
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic

from tests.mutation.campaign import START_UP, Campaign
from tests.mutation.plan import Plan
from tests.mutation.summary import Summary
from tests.mutation.survivors import Survivors
from tests.mutation.verdicts import Verdicts

HERE = Path(__file__).resolve().parent
STATE = Path(tempfile.gettempdir(), "quackcore-async-mutants")


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("targets", nargs="*", help="parts of the package; all by default")
    parser.add_argument("--count", type=int, default=300, help="mutants of each part (300)")
    parser.add_argument("--seed", type=int, help="of the draw; that of the interrupted run, else a new one")
    parser.add_argument("--processes", type=int, default=2, help="runs of pytest at a time (2)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin nothing more after so long")
    parser.add_argument("--patience", type=float, default=START_UP, help=f"seconds of a start ({START_UP:g})")
    parser.add_argument("--state", type=Path, default=STATE, help=f"folder of what is known already ({STATE})")
    parser.add_argument("--again", action="store_true", help="judge survivors and those that timed out again")
    parser.add_argument("--root", type=Path, default=HERE.parents[1], help="the working tree")
    parser.add_argument("--plan", type=Path, default=HERE / "targets.toml", help="what is mutated")
    parser.add_argument("--survivors", type=Path, default=HERE / "survivors.toml", help="those that are explained")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run, print the table, and return the exit code: 1 below the bar, 2 when something is left to do."""
    options = parsed(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    state = options.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another run is at work in {state}")
        return run(options, state)


def run(options: argparse.Namespace, state: Path) -> int:
    """Run in a folder that nobody else uses."""
    started = monotonic()
    verdicts = Verdicts(state / "verdicts.jsonl")
    if verdicts.seed is None or options.seed not in {None, verdicts.seed}:
        verdicts.begin(secrets.randbits(31) if options.seed is None else options.seed)
    say = partial(print, flush=True)
    say(f"seed {verdicts.seed}, state in {state}")
    plan = Plan.read(options.root, options.plan)
    if options.targets:
        plan = replace(plan, targets=tuple(target for target in plan.targets if target.name in options.targets))
    campaign = Campaign(
        plan,
        state,
        count=options.count,
        seed=verdicts.seed or 0,
        verdicts=verdicts,
        processes=options.processes,
        patience=options.patience,
        say=say,
    )
    if options.again:
        drawn = (mutant for mutants in campaign.drawn.values() for mutant in mutants)
        verdicts.forget(
            mutant.key for mutant in drawn if (verdict := campaign.verdict_on(mutant)) and not verdict.by
        )
    try:
        finished = campaign.run(started + 60 * options.minutes)
    except KeyboardInterrupt:
        finished = False
    summary = Summary(campaign, Survivors.read(options.survivors))
    for line in summary.lines():
        say(line)
    complaints = summary.complaints()
    for complaint in complaints:
        say(complaint)
    if not finished:
        say("not finished: the same command goes on")
        return 2
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
