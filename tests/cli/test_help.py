import json
import subprocess
import sys

import pytest

COMMANDS = ["cp", "sync", "check", "ls", "stat", "cat", "rm", "mkdir", "version", "config", "integrations"]
CPU_LIMIT = 0.2  # seconds above a bare interpreter

PROBE = """
import resource, subprocess, sys
def cpu(*arguments):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(min(cpu("-m", "quackcore_async", "--help") for _ in range(6)) - min(cpu("-c", "pass") for _ in range(6)))
"""
MODULES = """
import json, sys
sys.argv = ["quack", *{arguments!r}]
from quackcore_async.cli.app import main
try:
    main()
finally:
    print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})), file=sys.stderr)
"""


def test_help_names_every_command_and_every_exit_code(quack):
    done = quack("--help")
    assert done.code == 0
    assert done.stderr == ""
    assert [name for name in COMMANDS if f"\n  {name} " not in done.stdout] == []
    assert [code for code in (0, 1, 2, 3, 4, 5, 6, 7, 130, 141, 143) if f"\n    {code} " not in done.stdout] == []


@pytest.mark.parametrize("command", [["cp"], ["sync"], ["rm"], ["config", "show"]])
def test_the_help_of_a_command_has_examples_and_the_options_that_all_have(quack, command):
    done = quack(*command, "-h")
    assert done.code == 0
    assert f"  $ quack {' '.join(command)} " in done.stdout
    assert [
        name for name in ("--json", "--quiet", "--config", "--timeout", "--verbose") if name not in done.stdout
    ] == []


@pytest.mark.parametrize("arguments", [["--help"], ["cp", "--help"]])
def test_help_loads_no_machinery(process, arguments):
    script = MODULES.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=process.environ(), check=True)
    loaded = set(json.loads(done.stderr))
    assert loaded & {"aioboto3", "aiohttp", "anyio", "botocore", "httpx", "rich", "tenacity", "yaml"} == set()


def test_help_takes_less_than_a_fifth_of_a_second_of_cpu(process):
    process("--help")  # writes the byte code
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, env=process.environ(), check=True)
    assert float(done.stdout) < CPU_LIMIT


def test_without_a_command_the_help_is_shown_as_a_usage_error(quack):
    done = quack()
    assert done.code == 2
    assert "Usage: quack" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["snyc", "a", "b"], "Did you mean 'sync'"), (["cp", "a", "b", "--recursiv"], "--recursive")],
)
def test_a_misspelling_is_answered_with_what_may_be_meant(quack, arguments, words):
    done = quack(*arguments)
    assert (done.code, done.stdout) == (2, "")
    assert words in done.stderr


def test_a_usage_error_is_json_too_when_that_is_asked_for(quack):
    done = quack("cp", "a", "--json", "--nonsense")
    assert done.code == 2
    assert done.result["ok"] is False
    assert done.result["exit_code"] == 2
    assert "--nonsense" in done.result["error"]["message"]


@pytest.mark.parametrize("arguments", [["--version"], ["version"]])
def test_the_versions_of_this_package_and_of_what_it_stands_on_are_shown(quack, arguments):
    done = quack(*arguments)
    assert done.code == 0
    shown = dict(line.split(" ") for line in done.stdout.splitlines())
    assert {"quackcore-async", "aioboto3", "httpx", "python"} <= set(shown)


def test_completion_can_be_shown(process):
    done = process("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.code == 0
    assert "quack" in done.stdout
