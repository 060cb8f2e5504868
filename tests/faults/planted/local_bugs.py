"""Bugs of files on the disk: what is written, takes its name and is cleaned up, a login's file among them."""

from tests.faults.planted.bug import Bug

CRASHES = "faults/test_crashes.py"
DURABLE = f"{CRASHES}::test_what_takes_a_name_is_durable_before_and_the_name_after"

BUGS = (
    Bug(
        "a file takes its name without fsync",
        "storage/partial.py",
        "        os.fsync(self.fd)\n",
        "",
        (DURABLE,),
    ),
    Bug(
        "the name of a file is not made durable",
        "storage/partial.py",
        "            folder.sync_once()\n",
        "",
        (DURABLE, "storage/test_interruptions.py"),
    ),
    Bug(
        "a file of another length than that of the remote one takes its name",
        "storage/files.py",
        '        if size != file["size"]:\n',
        "        if False:\n",
        ("storage/test_files.py", "transfer/test_bulk.py"),
        only="another_length or truncated",
    ),
    Bug(
        "a file is copied into its name, not moved there when it is complete",
        "storage/tree.py",
        "                for chunk in source.chunks():\n                    target.write(chunk)\n",
        "                for chunk in source.chunks():\n                    target.write(chunk)\n"
        "                    if not done:\n                        target.commit(mtime_ns=mtime_ns)\n"
        "                        target.open()\n",
        ("storage/test_interruptions.py", "storage/test_files.py"),
        only="cancelled_transfer or changes_is_not_stored",
    ),
    Bug(
        "the part file of a transfer that failed stays",
        "storage/partial.py",
        "                    if temporary:\n                        folder.unlink(temporary)\n",
        "                    pass\n",
        ("faults/test_local.py", "storage/test_interruptions.py"),
    ),
    Bug(
        "a cancelled download is not cleaned up after",
        "storage/base.py",
        "                await shielded(partial(run_in_thread, target.discard))\n",
        "                await run_in_thread(target.discard)\n",
        ("faults/test_cancellations.py",),
        only="download_file and not GCS",
    ),
    Bug(
        "overwrite=False looks once, and then replaces",
        "storage/partial.py",
        "                folder.take_free_name(self._temporary, folder, self._name)\n",
        "                folder.replace(self._temporary, folder, self._name)\n",
        ("storage/test_files.py", "storage/test_conformance.py"),
        only="race",
    ),
    Bug(
        "what changed while it was copied is kept as it came",
        "storage/tree.py",
        "            yield from _pour(fd, path, target.write)\n            _check_same(fd, file)\n"
        "            target.commit(mtime_ns=",
        "            yield from _pour(fd, path, target.write)\n            target.commit(mtime_ns=",
        ("storage/test_local.py",),
        only="changes_while_it_is_copied",
    ),
    Bug(
        "links below the root are followed",
        "storage/folders.py",
        "os.open(name, _FOLDER_FLAGS | _NO_FOLLOW, dir_fd=self._fd)",
        "os.open(name, _FOLDER_FLAGS, dir_fd=self._fd)",
        ("storage/test_local.py",),
        only="links_are_never_followed or leads_out",
    ),
    Bug(
        "a range is noted before it is on the disk",
        "storage/resumable.py",
        "            if ready:\n                _flush(self._fd)\n",
        "",
        (DURABLE, "storage/test_journal.py"),
        why_not_found="a killed process leaves its writes to the kernel: only a loss of power would show it",
    ),
    Bug(
        "kept bytes of another version of a file are gone on with",
        "storage/resumable.py",
        "        if not lines or lines[0] != self._version:\n",
        "        if not lines:\n",
        ("storage/test_resume.py",),
        only="another_version or replaced",
    ),
    Bug(
        "what another process is at is gone on with",
        "storage/resumable.py",
        "        locked = lock(self.fd)\n",
        "        locked = lock(self.fd) is not None\n",
        ("storage/test_resume.py",),
        only="another_process",
    ),
    Bug(
        "a login's file takes its name without fsync",
        "auth/stores/private_file.py",
        "            os.fsync(fd)\n        finally:\n            os.close(fd)\n\n    def _sweep",
        "        finally:\n            os.close(fd)\n\n    def _sweep",
        (DURABLE,),
    ),
    Bug(
        "a login's file is written in place",
        "auth/stores/private_file.py",
        '        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}.tmp")\n',
        "        self.path.unlink(missing_ok=True)\n        temporary = self.path\n",
        (f"{CRASHES}::test_a_login_is_old_or_new_and_private",),
    ),
    Bug(
        "others can read a login's file for a moment",
        "auth/stores/private_file.py",
        "os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, 0o600)",
        "os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, 0o644)",
        (f"{CRASHES}::test_a_login_is_old_or_new_and_private", "auth/stores/test_file.py"),
    ),
    Bug(
        "a login's file is read through a link",
        "auth/stores/private_file.py",
        "            fd = os.open(self.path, os.O_RDONLY | _NOFOLLOW | _NONBLOCK | _CLOEXEC)\n"
        "        except FileNotFoundError:",
        "            fd = os.open(self.path, os.O_RDONLY | _NONBLOCK | _CLOEXEC)\n"
        "        except FileNotFoundError:",
        ("auth/stores/test_file.py",),
        only="link",
    ),
)
