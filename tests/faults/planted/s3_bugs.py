"""Bugs of the S3 client, on the way up and on the way down."""

from tests.faults.planted.bug import Bug

FAULTS = "clients/s3/test_faults.py"
AMBIGUITY = "clients/s3/test_ambiguity.py"

UPLOADS = (
    Bug(
        "the upload in parts that failed is not aborted",
        "clients/s3/multipart.py",
        "        if not await shielded(self._abort_until_gone):\n",
        "        if False:\n",
        ("faults/test_cancellations.py",),
        only="S3Storages and upload_file",
    ),
    Bug(
        "the abort is not shielded from the cancellation that it follows",
        "clients/s3/multipart.py",
        "await shielded(self._abort_until_gone)",
        "await self._abort_until_gone()",
        ("faults/test_cancellations.py",),
        only="S3Storages and upload_file",
    ),
    Bug(
        "the beginning of an upload is not shielded: its identifier is lost with the answer",
        "clients/s3/multipart.py",
        "await protected(self._begin, limit=self._client.settings.idle_timeout, grace=_BEGIN_GRACE)",
        "await self._begin()",
        (FAULTS,),
        only="wherever_it_is and CreateMultipartUpload",
    ),
    Bug(
        "parts that landed behind the abort stay",
        "clients/s3/multipart.py",
        "            if await self._is_aborted() and not await self._has_parts():\n",
        "            if await self._is_aborted():\n",
        (FAULTS, AMBIGUITY),
        only="lands_after_the_abort or land_after_the_abort",
    ),
    Bug(
        "an object is made although a part never arrived",
        "clients/s3/multipart.py",
        "        if len(self._parts) != max((self._begun, *self._parts)):\n",
        "        if False:\n",
        ("faults/test_self_cancellations.py",),
        only="without_one_of_its_parts",
    ),
    Bug(
        "a file that changed while it went up is stored",
        "clients/s3/upload.py",
        "        await run_in_thread(source.check_unchanged)\n        return await upload.complete()\n",
        "        return await upload.complete()\n",
        ("clients/s3/test_transfers.py",),
        only="source_that_changes and grow",
    ),
    Bug(
        "a buffer is not given back when its stream fails",
        "clients/s3/upload.py",
        "            return buffer, await self._filler.fill(buffer)\n        except BaseException:\n"
        "            self._client.buffers.release(buffer)\n",
        "            return buffer, await self._filler.fill(buffer)\n        except BaseException:\n",
        (FAULTS,),
        only="stream_that_raises",
    ),
    Bug(
        "overwrite=False is not sent as a condition",
        "clients/s3/attributes.py",
        '"IfNoneMatch": None if overwrite else "*"',
        '"IfNoneMatch": None',
        (FAULTS, "clients/s3/test_transfers.py"),
        only="losing_the_race or racing_conditional",
    ),
    Bug(
        "a lost answer is taken for success",
        "clients/s3/conditional.py",
        "                found = await self._settled(error, evidence)\n",
        "                found = Written(None) if self._lost else await self._settled(error, evidence)\n",
        (AMBIGUITY, "faults/test_s3.py"),
        only="without_an_answer or lost_over_s3",
    ),
    Bug(
        "a lost answer is taken for failure, and nobody looks",
        "clients/s3/conditional.py",
        "                found = await self._settled(error, evidence)\n",
        "                found = None\n",
        (FAULTS, "faults/test_s3.py"),
        only="settled_by_looking or lost_over_s3",
    ),
    Bug(
        "what somebody else wrote is taken for ours",
        "clients/s3/evidence.py",
        "            return info.metadata.get(WRITE_KEY) == self.token\n",
        "            return True\n",
        (AMBIGUITY,),
        only="rival",
    ),
    Bug(
        "a failure after a lost answer is called certain",
        "clients/s3/requester.py",
        "                error.indeterminate = lost\n",
        "",
        (FAULTS,),
        only="refused_after_an_answer_was_lost",
    ),
    Bug(
        "keys of a batch that were not deleted are called deleted",
        "clients/s3/client.py",
        '            for entry in answer.get("Errors", [])\n',
        "            for entry in []\n",
        ("transfer/test_s3.py", FAULTS),
        only="refused_in_part or batch_delete_reports",
    ),
    Bug(
        "aioboto3 retries by itself below our retries",
        "clients/s3/aws_session.py",
        '"total_max_attempts": 1',
        '"total_max_attempts": 3',
        (FAULTS,),
        only="aioboto3 and (storm or first_attempt)",
    ),
    Bug(
        "aioboto3 sends checksums in trailers that not every service knows",
        "clients/s3/aws_session.py",
        '        request_checksum_calculation="when_required",\n',
        "",
        (FAULTS,),
        only="aioboto3 and trailers",
    ),
)

DOWNLOADS = (
    Bug(
        "If-Match is dropped from the ranges of a download",
        "clients/s3/download.py",
        "                    if_match=info.etag,\n",
        "",
        ("faults/test_s3.py", FAULTS),
        only="never_a_mix or never_mixed",
    ),
    Bug(
        "versions that a service mixes against the condition are not told apart",
        "clients/s3/stream.py",
        '        if self._etag is not None and quoted_tag(answer.get("ETag")) != quoted_tag(self._etag):\n',
        "        if False:\n",
        (FAULTS,),
        only="ignores_if_match",
    ),
    Bug(
        "the checksum is not compared",
        "clients/s3/download.py",
        "        if digest != expectation.digest:\n",
        "        if False:\n",
        (FAULTS,),
        only="found_by_their_checksum or damaged_on_the_way",
    ),
    Bug(
        "a file takes its name before its bytes are compared",
        "clients/s3/download.py",
        "        if self._expected is not None and self._checksum is not None:\n"
        "            self._compare(self._expected, self._checksum.digest(self._fd, info.size))\n"
        '        verified: Verified = "length" if self._expected is None else "full"\n'
        "        self._finish(verified)\n",
        '        verified: Verified = "length" if self._expected is None else "full"\n'
        "        self._finish(verified)\n"
        "        if self._expected is not None and self._checksum is not None:\n"
        "            self._compare(self._expected, self._checksum.digest(self._fd, info.size))\n",
        ("storage/test_s3.py",),
        only="damaged",
    ),
    Bug(
        "an answer that ends early is taken for the end",
        "clients/s3/stream.py",
        "        if not chunk:\n            self.close()\n            missing",
        '        if not chunk:\n            self.close()\n            self._position = self.end\n            return b""\n'
        "            missing",
        (FAULTS,),
        only="damaged_on_the_way",
    ),
    Bug(
        "an answer that is longer than it said is taken",
        "clients/s3/stream.py",
        "        if surplus:\n",
        "        if False:\n",
        (FAULTS,),
        only="damaged_on_the_way",
    ),
    Bug(
        "another range than the one asked for is taken",
        "clients/s3/stream.py",
        "        if (first, end) != (self._position, expected_end):\n",
        "        if False:\n",
        (FAULTS,),
        only="not_the_one_asked_for",
    ),
    Bug(
        "a download that goes on asks for its first bytes again",
        "clients/s3/stream.py",
        'return f"bytes={self._position}-',
        'return f"bytes={self.start}-',
        (FAULTS,),
        only="goes_on_after_the_last_byte or stalls",
    ),
    Bug(
        "a page of a listing is forgotten",
        "clients/s3/client.py",
        "            token = page.token\n",
        "            token = None\n",
        ("clients/s3/test_transfers.py", FAULTS),
        only="all_pages or empty_page",
    ),
    Bug(
        "the first page alone ends a listing that has an empty one",
        "clients/s3/client.py",
        "            token = page.token\n",
        "            token = page.token if page.objects else None\n",
        (FAULTS,),
        only="empty_page",
    ),
    Bug(
        "a listing that repeats itself goes on for ever",
        "clients/s3/client.py",
        "            if token in seen:\n",
        "            if False:\n",
        (FAULTS,),
        only="repeats_itself",
    ),
    Bug(
        "a range that is kept for later is noted before it is written",
        "clients/s3/download.py",
        "                await self._write(stream)\n            await self._keep(part)\n",
        "                await self._keep(part)\n                await self._write(stream)\n",
        ("storage/test_resume.py",),
    ),
    Bug(
        "the sizes of two answers of one entity tag are not compared",
        "clients/s3/download.py",
        "                if stream.info.size != info.size or stream.end - stream.start != part.size:\n",
        "                if False:\n",
        (FAULTS,),
        only="replaced_between",
        why_not_found="the entity tag is compared before, and the checksum or the length of the file after it",
    ),
)

CONNECTIONS = (
    Bug(
        "a connection whose answer was not read to its end is used again",
        "clients/s3/lean/connection.py",
        "        connection, self._connection = self._connection, None\n        if connection is not None:\n"
        "            connection.abort()\n",
        "        connection, self._connection = self._connection, None\n        if connection is not None:\n"
        "            connection.finish()\n",
        ("clients/s3/lean/test_connection.py", "clients/s3/lean/test_cancellation.py"),
    ),
    Bug(
        "bytes behind an answer are taken for the next one",
        "clients/s3/lean/connection.py",
        "        if orderly and not body.surplus and",
        "        if orderly and",
        ("clients/s3/lean/test_network.py", "clients/s3/lean/test_connection.py"),
        only="never_taken_for_the_next or serves_again",
    ),
    Bug(
        "a connection on which the service speaks unasked is used",
        "clients/s3/lean/connection.py",
        '            self._fail(error_of_meaning(meanings.PROTOCOL, "the service answers without being asked"))\n'
        "            return\n",
        "            self._beginning += data\n            return\n",
        ("clients/s3/lean/test_connection.py", "clients/s3/lean/test_network.py"),
        only="without_being_asked or speaks_first or come_late",
    ),
    Bug(
        "a connection on which a request is half sent is used again",
        "clients/s3/lean/connection.py",
        "self._head.persists and self._whole and self._error is None",
        "self._head.persists and self._error is None",
        ("clients/s3/lean/test_connection.py", "clients/s3/lean/test_network.py"),
        only="refus or early or before_the_body",
        why_not_found="what is not taken yet gives it away too, unless the refusal comes just between two pieces",
    ),
    Bug(
        "a cancelled request leaves its connection open",
        "clients/s3/lean/connection.py",
        "        except BaseException:\n            self.abort()\n            raise\n        response =",
        "        except BaseException:\n            raise\n        response =",
        ("clients/s3/lean/test_connection_cancellation.py", FAULTS),
        only="leaves_nothing or reads_nothing_keeps",
    ),
    Bug(
        "memory that a connection still sends from is lent again",
        "clients/s3/lean/connection.py",
        "            self._lent.left_behind = True\n",
        "            pass\n",
        ("clients/s3/lean/test_connection_buffers.py",),
    ),
    Bug(
        "memory that aioboto3 may still send from is lent again",
        "clients/s3/engines.py",
        "                body.left_behind = True",
        "                pass",
        ("clients/s3/test_buffers.py",),
        only="aioboto3",
    ),
    Bug(
        "a server that says no more is waited for without end",
        "clients/s3/lean/connection.py",
        "        if left <= 0 and not self._waits_for_reader():\n",
        "        if False:\n",
        ("clients/s3/lean/test_connection.py",),
        only="stalls_is_given_up",
    ),
)

BUGS = UPLOADS + DOWNLOADS + CONNECTIONS
