"""What changes when a person sits at a terminal: questions and a progress bar."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def on_terminal(process, *arguments: object, typed: str = "", **environ: str) -> tuple[int, str]:
    """Run `quack` with standard input and error on a terminal; return the exit code and what the terminal showed."""
    ours, theirs = pty.openpty()
    running = process.start(
        *arguments, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, environ={"TERM": "xterm", **environ}
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:
        pass  # Linux's way to say that the other side has closed
    finally:
        os.close(ours)
    return running.wait(), shown.decode()


@pytest.mark.parametrize(("typed", "code", "left"), [("y\n", 0, False), ("n\n", 1, True), ("\n", 1, True)])
def test_rm_asks_and_does_what_it_is_answered(process, tree, typed, code, left):
    ended, shown = on_terminal(process, "rm", tree / "a.txt", typed=typed)
    assert f"Delete {tree / 'a.txt'}? [y/N]" in shown
    assert (ended, (tree / "a.txt").exists()) == (code, left)


def test_a_name_cannot_steer_the_terminal_that_asks(process):
    Path("a\x1b[2Jb").touch()
    assert "\x1b[2J" not in on_terminal(process, "rm", "a\x1b[2Jb", typed="n\n")[1]


def test_a_bar_is_drawn_on_a_terminal_and_the_cursor_comes_back(process, tree):
    code, shown = on_terminal(process, "cp", "-r", tree, "out")
    assert code == 0
    assert HIDE_CURSOR in shown
    assert shown.rindex(SHOW_CURSOR) > shown.rindex(HIDE_CURSOR)
    done = [int(number) for number in re.findall(r"(\d+)/\d+ files", shown)]
    assert done == sorted(done)
    assert done[-1] == 3
    assert "3 done" in shown


@pytest.mark.parametrize(("options", "environ"), [(["-q"], {}), ([], {"TERM": "dumb"})])
def test_no_bar_is_drawn_where_nobody_wants_one(process, tree, options, environ):
    code, shown = on_terminal(process, "cp", "-r", *options, tree, "out", **environ)
    assert code == 0
    assert "\x1b[?25" not in shown
