"""Azurite: Microsoft's own emulator of Azure Blob Storage, which checks signatures and conditions.

It is a program for Node.js. The first run installs it from npm, beside the packages of this environment, which takes
about half a minute; where there is no npm, the tests that need it are skipped, and say so.
"""

import base64
import hashlib
import hmac
import http.client
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import filelock
import pytest

from tests.servers.ports import free_ports, wait_until

VERSION = "3.37.0"
ACCOUNT = "devstoreaccount1"
# Published: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
START_SECONDS = 60


@dataclass(frozen=True)
class AzureEndpoint:
    """A running blob service, and a container in it that belongs to one test."""

    port: int
    container: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    def with_fresh_container(self) -> "AzureEndpoint":
        name = f"test-{uuid.uuid4().hex[:16]}"
        assert self.ask("PUT", f"/{name}", "restype:container") == 201
        return replace(self, container=name)

    def blocks_of(self, name: str) -> int:
        """Return the status of a question for the blocks of a blob: 404 when it has none."""
        return self.ask("GET", f"/{self.container}/{name}", "blocklisttype:all\ncomp:blocklist")

    def ask(self, method: str, path: str, query: str) -> int:
        """Send a request of our own, signed by the shared key; the query as its canonical lines."""
        date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        lines = sorted(query.split("\n"))
        canonical = "\n".join([f"/{ACCOUNT}/{ACCOUNT}{path}", *lines])
        text = f"{method}{chr(10) * 12}x-ms-date:{date}\nx-ms-version:2021-12-02\n{canonical}"
        digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
        signature = base64.b64encode(digest).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(
                method,
                f"/{ACCOUNT}{path}?{'&'.join(line.replace(':', '=') for line in lines)}",
                headers={
                    "x-ms-date": date,
                    "x-ms-version": "2021-12-02",
                    "Authorization": f"SharedKey {ACCOUNT}:{signature}",
                },
            )
            return connection.getresponse().status
        finally:
            connection.close()


def installed_azurite() -> list[str]:
    """Return the command that runs the blob service, after installing it where it is missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("there is no npm on this machine: the tests over Azurite did not run")
    place = Path(sys.prefix) / f"azurite-{VERSION}"
    program = place / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    with filelock.FileLock(f"{place}.lock"):
        if not program.exists():
            command = [npm, "install", "--prefix", str(place), "--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run([*command, f"azurite@{VERSION}"], check=True, capture_output=True, timeout=300)
    return [node, str(program)]


@contextmanager
def azurite_running(folder: Path) -> Iterator[AzureEndpoint]:
    [port] = free_ports(1)
    command = [*installed_azurite(), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    command += ["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
        try:
            endpoint = AzureEndpoint(port)
            wait_until(
                lambda: _answers(port), seconds=START_SECONDS, what="azurite", alive=lambda: process.poll() is None
            )
            yield endpoint
        finally:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    else:
        return True
    finally:
        connection.close()
