"""The commands on files of this machine and in configured local storages."""

import os
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import contents

REPORT = {
    "dry_run", "total", "succeeded", "skipped", "failed", "cancelled", "planned", "deleted", "bytes", "elapsed", "failures", "warnings",
}  # fmt: skip
FILE = {
    "version", "type", "path", "name", "url", "size", "last_modified", "mtime", "mode", "etag", "content_type",
    "storage_class", "version_id", "checksums", "metadata",
}  # fmt: skip


def test_cp_copies_a_file_to_a_name(process, tree):
    done = process("cp", tree / "a.txt", "out/copy.txt")
    assert (done.code, done.stdout) == (0, "")
    assert contents("out") == {"copy.txt": b"alpha"}
    assert "1 done" in done.stderr


@pytest.mark.parametrize("target", ["there", "there/", "new/"])
def test_cp_puts_a_file_into_a_folder(quack, tree, target):
    Path("there").mkdir()
    assert quack("cp", tree / "a.txt", target).code == 0
    assert contents(target) == {"a.txt": b"alpha"}


def test_cp_into_a_folder_follows_a_link_to_it(quack, tree):
    Path("real").mkdir()
    Path("link").symlink_to("real")
    assert quack("cp", tree / "a.txt", "link").code == 0
    assert contents("real") == {"a.txt": b"alpha"}


def test_cp_of_a_folder_copies_its_contents(quack, tree):
    assert quack("cp", "-r", tree, "out").code == 0
    assert contents("out") == contents(tree)


def test_cp_of_several_sources_keeps_the_names_of_folders(quack, tree):
    Path("other.txt").write_bytes(b"o")
    assert quack("cp", "-r", tree, "other.txt", "out").code == 0
    assert contents("out") == {
        **{f"tree/{name}": data for name, data in contents(tree).items()},
        "other.txt": b"o",
    }


def test_cp_of_a_folder_without_r_says_so(quack, tree):
    done = quack("cp", tree, "out")
    assert done.code == 1
    assert "add -r" in done.stderr
    assert not Path("out").exists()


def test_cp_of_a_folder_into_itself_is_refused(quack, tree):
    done = quack("cp", "-r", tree, tree / "sub")
    assert done.code == 1
    assert "within" in done.stderr


def test_cp_of_one_missing_file_is_exit_4_and_leaves_the_target_alone(quack):
    Path("out").write_bytes(b"before")
    done = quack("cp", "missing", "out")
    assert done.code == 4
    assert done.stderr.count("cannot read") == 1
    assert Path("out").read_bytes() == b"before"


def test_cp_goes_on_after_a_failure_and_lists_it(quack, tree):
    done = quack("cp", tree / "a.txt", "missing", "out/", "--json")
    assert done.code == 1
    assert contents("out") == {"a.txt": b"alpha"}
    data = done.result["data"]
    assert set(data) == REPORT
    assert (data["succeeded"], data["failed"]) == (1, 1)
    assert [(item["source"], item["kind"]) for item in data["failures"]] == [
        (str(Path("missing").absolute()), "not_found")
    ]


def test_the_list_of_failures_is_bounded(quack):
    done = quack("cp", *[f"missing{number}" for number in range(30)], "out/")
    assert done.code == 4
    assert done.stderr.count("quack: /") == 20
    assert "and 10 more failed" in done.stderr
    assert "30 of 30 items failed" in done.stderr


@pytest.mark.parametrize(
    ("option", "content"), [("--overwrite", b"alpha"), ("--no-overwrite", b"other"), ("--if-changed", b"alpha")]
)
def test_cp_replaces_what_exists_as_it_is_told(quack, tree, option, content):
    Path("out").write_bytes(b"other")
    os.utime("out", (1, 1))
    assert quack("cp", option, tree / "a.txt", "out").code == 0
    assert Path("out").read_bytes() == content


def test_cp_if_changed_skips_what_is_equal(quack, tree):
    assert quack("cp", tree / "a.txt", "out").code == 0
    done = quack("cp", "--if-changed", "--json", tree / "a.txt", "out")
    assert done.result["data"]["skipped"] == 1


def test_options_that_contradict_each_other_are_a_usage_error(quack, tree):
    assert quack("cp", "--if-changed", "--no-overwrite", tree / "a.txt", "out").code == 2
    assert quack("sync", "--checksum", "--size-only", tree, "out").code == 2


def test_cp_takes_and_leaves_files_by_pattern(quack, tree):
    assert quack("cp", "-r", tree, "out", "--include", "*.txt", "--exclude", "sub/deep/*").code == 0
    assert contents("out") == {"a.txt": b"alpha"}


def test_a_dry_run_changes_nothing_and_writes_what_would_be_done(quack, tree):
    done = quack("cp", "-r", "-n", tree, "out")
    assert done.code == 0
    assert not Path("out").exists()
    assert sorted(line.partition(" -> ")[0] for line in done.stdout.splitlines()) == sorted(
        f"would copy {(tree / name).absolute()}" for name in contents(tree)
    )


def test_a_dry_run_in_json_has_a_line_for_each_file(quack, tree):
    done = quack("sync", "--dry-run", "--json", tree, "out", "--exclude", "empty/")
    planned = [line for line in done.lines if line["type"] == "planned"]
    assert {line["action"] for line in planned} == {"copy"} or {line["action"] for line in planned} == {"upload"}
    assert len(planned) == done.result["data"]["planned"] == 3
    assert set(planned[0]) == {"version", "type", "action", "source", "target"}


def test_a_double_dash_ends_the_options(quack):
    Path("-n").write_bytes(b"dash")
    assert quack("cp", "--", "-n", "out").code == 0
    assert Path("out").read_bytes() == b"dash"


def test_a_file_url_is_a_path(quack, tree):
    source = (tree / "sub/deep/ü c.txt").absolute().as_uri()
    assert quack("cp", source, "out").code == 0
    assert Path("out").read_bytes() == b"charlie"


def test_sync_makes_an_equal_tree_and_moves_nothing_the_second_time(quack, tree):
    assert quack("sync", tree, "out").code == 0
    assert contents("out") == contents(tree)
    assert (Path("out") / "empty").is_dir()
    second = quack("sync", "--json", tree, "out")
    assert (second.result["data"]["succeeded"], second.result["data"]["bytes"]) == (0, 0)
    assert set(second.result["data"]) == REPORT


def test_sync_finds_a_change_of_the_same_size_and_time_by_checksum_only(quack, tree):
    quack("sync", tree, "out")
    found = (tree / "a.txt").stat()
    (tree / "a.txt").write_bytes(b"ALPHA")
    os.utime(tree / "a.txt", ns=(found.st_atime_ns, found.st_mtime_ns))
    quack("sync", tree, "out")
    assert Path("out/a.txt").read_bytes() == b"alpha"
    assert quack("check", "--checksum", tree, "out").code == 1
    quack("sync", "--checksum", tree, "out")
    assert Path("out/a.txt").read_bytes() == b"ALPHA"


def test_sync_deletes_only_when_it_is_told_to(quack, tree):
    quack("sync", tree, "out")
    Path("out/extra").write_bytes(b"x")
    quack("sync", tree, "out")
    assert Path("out/extra").exists()
    assert quack("sync", "--delete", tree, "out").code == 0
    assert contents("out") == contents(tree)


def test_sync_of_a_missing_folder_is_exit_3(quack):
    done = quack("sync", "missing", "out")
    assert done.code == 3
    assert "no folder missing" in done.stderr


def test_check_says_what_differs_and_changes_nothing(quack, tree):
    quack("sync", tree, "out")
    same = quack("check", tree, "out")
    assert (same.code, same.stdout) == (0, "")
    Path("out/a.txt").unlink()
    Path("out/extra").write_bytes(b"x")
    before = contents("out")
    done = quack("check", tree, "out")
    assert done.code == 1
    assert [line.split() for line in done.stdout.splitlines()] == [["missing", "a.txt"], ["extra", "extra"]]
    assert contents("out") == before
    result = quack("check", "--json", tree, "out").result
    assert result["data"]["identical"] is False
    assert [difference["path"] for difference in result["data"]["differences"]] == ["a.txt", "extra"]


def test_ls_lists_files_and_folders(quack, tree):
    done = quack("ls", tree)
    assert done.code == 0
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["a.txt", "empty/", "sub/"]


def test_ls_in_json_has_a_line_for_each_entry_and_one_result(quack, tree):
    done = quack("ls", "-r", "--json", tree, "--include", "*.txt")
    files = done.lines[:-1]
    assert {line["path"] for line in files} == {"a.txt", "sub/deep/ü c.txt"}
    assert all(set(line) == FILE for line in files)
    assert done.result["data"] == {"location": str(tree), "files": 2, "folders": 0, "bytes": 12}


def test_ls_of_a_file_lists_it_and_of_nothing_is_exit_3(quack, tree):
    assert quack("ls", tree / "a.txt").stdout.split()[-1] == "a.txt"
    assert quack("ls", "missing").code == 3


def test_stat_shows_what_is_known(quack, tree):
    done = quack("stat", tree / "a.txt", "--json")
    assert (done.lines[0]["size"], done.lines[0]["path"]) == (5, "a.txt")
    assert set(done.lines[0]) == FILE | {"location"}
    assert "size:           5" in quack("stat", tree / "a.txt").stdout
    assert quack("stat", "missing").code == 4


def test_cat_writes_files_one_after_the_other(quack, tree):
    done = quack("cat", tree / "a.txt", tree / "sub/b.jpg")
    assert (done.code, done.stdout, done.stderr) == (0, "alphabravo!", "")


def test_cat_follows_a_link(quack, tree):
    Path("link").symlink_to(tree / "a.txt")
    assert quack("cat", "link").stdout == "alpha"


def test_cat_of_a_missing_file_is_exit_4_and_of_json_a_usage_error(quack, tree):
    assert quack("cat", "missing").code == 4
    assert quack("cat", "--json", tree / "a.txt").code == 2


def test_rm_without_a_terminal_refuses_unless_it_is_told_yes(quack, process, tree):
    done = process("rm", tree / "a.txt", stdin=b"y\n")
    assert done.code == 2
    assert "--yes" in done.stderr
    assert (tree / "a.txt").exists()
    assert quack("rm", "--yes", tree / "a.txt").code == 0
    assert not (tree / "a.txt").exists()


def test_rm_of_a_missing_file_is_exit_4(quack):
    assert quack("rm", "-y", "missing").code == 4


def test_rm_of_a_folder_needs_r_and_takes_all_of_it(quack, tree):
    done = quack("rm", "-y", tree)
    assert done.code == 4
    assert "-r" in done.stderr
    assert quack("rm", "-y", "-r", tree).code == 0
    assert not tree.exists()


def test_rm_with_patterns_keeps_the_rest(quack, tree):
    assert quack("rm", "-y", "-r", tree, "--include", "*.txt").code == 0
    assert contents(tree) == {"sub/b.jpg": b"bravo!"}


def test_rm_in_a_dry_run_deletes_nothing_and_needs_no_yes(quack, tree):
    done = quack("rm", "-r", "-n", tree)
    assert done.code == 0
    assert f"would delete {(tree / 'a.txt').absolute()}\n" in done.stdout
    assert len(contents(tree)) == 3


def test_mkdir_makes_a_folder_and_those_above_it(quack):
    assert quack("mkdir", "a/b/c", "d").code == 0
    assert quack("mkdir", "d").code == 0
    assert Path("a/b/c").is_dir()
    assert Path("d").is_dir()


def test_a_read_only_target_is_exit_6(quack, tree):
    closed = Path("closed")
    closed.mkdir(mode=0o500)
    if os.geteuid() == 0:
        closed = Path("/sys/kernel")  # where the system lets not even root make a file
    refused = quack("cp", tree / "a.txt", f"{closed}/")
    assert refused.code == 6
    assert "Permission denied" in refused.stderr


def test_the_mode_of_a_file_is_kept(quack, tree):
    (tree / "a.txt").chmod(0o640)
    quack("cp", tree / "a.txt", "out")
    assert stat.S_IMODE(Path("out").stat().st_mode) == 0o640


def test_global_options_count_before_the_command_and_after_it(quack, tree):
    assert quack("--json", "ls", tree).result["ok"] is True
    assert quack("ls", tree, "--json").result["ok"] is True
    assert quack("-q", "cp", tree / "a.txt", "out").stderr == ""
    assert quack("cp", "--quiet", tree / "a.txt", "out").stderr == ""


def test_verbose_names_each_file(quack, tree):
    done = quack("cp", "-v", tree / "a.txt", "out")
    assert f"ok: copy {(tree / 'a.txt').absolute()} -> {Path('out').absolute()}" in done.stderr


def test_standard_error_is_plain_where_it_is_no_terminal(process):
    assert "\x1b" not in process("cp", "missing", "out").stderr


def test_colour_is_forced_and_forbidden_by_the_environment(process):
    assert "\x1b[31m" in process("cp", "missing", "out", FORCE_COLOR="1", TERM="xterm").stderr
    assert "\x1b[31m" not in process("cp", "missing", "out", FORCE_COLOR="1", TERM="xterm", NO_COLOR="1").stderr


def test_a_name_that_is_not_utf_8_is_copied_and_listed(quack):
    Path("odd").mkdir()
    Path(os.fsdecode(b"odd/\xff.txt")).write_bytes(b"odd")
    assert quack("cp", "-r", "odd", "out").code == 0
    assert contents("out") == {os.fsdecode(b"\xff.txt"): b"odd"}
