"""`quack auth`: logging in by a code for another device and by a callback, as a process of its own."""

import json
import re
import signal
import stat
import urllib.request
from pathlib import Path

import pytest

from tests.servers.authorization import AuthorizationServer, error_answer

SECRET = "S3CR3T-of-the-client"


@pytest.fixture
def server():
    with AuthorizationServer() as running:
        running.clients[running.client_id].secret = SECRET
        yield running


@pytest.fixture
def configure(server):
    def write(**auth: object) -> None:
        section = {
            "use": "rest",
            "base_url": "http://127.0.0.1:9/api",
            "auth": {
                "type": "oauth",
                "client_id": server.client_id,
                "client_secret": SECRET,
                "auth_url": server.auth_url,
                "token_url": server.token_url,
                "device_url": server.device_url,
                "revocation_url": server.revocation_url,
                "redirect_uri": "http://127.0.0.1:0/callback",
                **auth,
            },
        }
        config = {"integrations": {"crm": section, "shelf": {"use": "local", "root": "shelf"}}}
        Path("quack_config.yaml").write_text(json.dumps(config), encoding="utf-8")

    write()
    return write


def stored() -> Path:
    """Where the login of `crm` is; a path that is not there before it was stored."""
    folder = Path.home() / ".quack"
    return next(folder.glob("crm-*.json"), folder / "crm.json")


def log_in_by_callback(process, server, *arguments: str) -> tuple[int, str]:
    """Start a login, and be the browser: go to the address that it shows, and back to where that sends."""
    running = process.start("auth", "login", "crm", "--no-browser", *arguments)
    seen: list[str] = []
    for line in running.stderr:
        seen.append(line.decode())
        address = re.search(r"http://\S+", seen[-1])
        if address:
            with urllib.request.urlopen(server.authorize(address[0]), timeout=10) as page:
                page.read()
            break
    code = running.wait(timeout=30)
    return code, "".join(seen) + running.stderr.read().decode()


def test_a_login_by_callback_is_stored_and_shows_no_secret(process, server, configure):
    code, stderr = log_in_by_callback(process, server)
    assert code == 0, stderr
    assert "crm: logged in, until" in stderr
    kept = json.loads(stored().read_text(encoding="utf-8"))
    assert kept["access_token"] in server.valid
    assert stat.S_IMODE(stored().stat().st_mode) == 0o600
    for secret in (kept["access_token"], kept["refresh_token"], SECRET):
        assert secret not in stderr


def test_a_login_by_device_code(process, server, configure):
    server.pending = 1
    finished = process("auth", "login", "crm", "--device")
    assert finished.code == 0, finished.stderr
    assert "enter the code" in finished.stderr
    assert json.loads(stored().read_text(encoding="utf-8"))["access_token"] in server.valid


def test_a_second_login_uses_the_first(process, server, configure):
    log_in_by_callback(process, server)
    finished = process("auth", "login", "crm", "--json")
    assert (finished.code, server.count("token")) == (0, 1)
    assert finished.result["data"]["kept_in"] == str(stored())


def test_the_status_before_and_after_a_login(process, server, configure):
    before = process("auth", "status")
    assert (before.code, "not logged in" in before.stdout) == (6, True)
    log_in_by_callback(process, server)
    after = process("auth", "status", "--json")
    assert after.code == 0
    (row,) = after.result["data"]["logins"]
    assert (row["name"], row["state"], row["renewable"]) == ("crm", "valid", True)
    assert SECRET not in before.stdout + before.stderr + after.stdout + after.stderr


def test_the_status_asks_no_service(process, server, configure):
    log_in_by_callback(process, server)
    asked = len(server.requests)
    process("auth", "status")
    assert len(server.requests) == asked


def test_a_login_that_needs_no_person_is_not_missed(quack, configure):
    configure(flow="client_credentials")
    status = quack("auth", "status", "crm", "--json")
    (row,) = status.result["data"]["logins"]
    assert (status.code, row["state"], row["usable"]) == (0, "missing", True)
    assert "logs in by itself when it is used" in quack("auth", "status", "crm").stdout


def test_a_refresh_stores_the_new_token(process, server, configure):
    log_in_by_callback(process, server)
    first = json.loads(stored().read_text(encoding="utf-8"))
    assert process("auth", "refresh", "crm").code == 0
    second = json.loads(stored().read_text(encoding="utf-8"))
    assert first["access_token"] != second["access_token"]
    assert first["refresh_token"] != second["refresh_token"]
    assert server.count("token") == 2


def test_a_refresh_that_is_refused_exits_with_6_and_keeps_the_login(process, server, configure):
    log_in_by_callback(process, server)
    kept = json.loads(stored().read_text(encoding="utf-8"))
    server.scripted.append(error_answer("invalid_grant"))
    finished = process("auth", "refresh", "crm", "--json")
    assert (finished.code, finished.result["error"]["code"]) == (6, "invalid_grant")
    assert json.loads(stored().read_text(encoding="utf-8"))["refresh_token"] == kept["refresh_token"]


def test_a_logout_tells_the_service_and_deletes_the_login(process, server, configure):
    log_in_by_callback(process, server)
    kept = json.loads(stored().read_text(encoding="utf-8"))
    finished = process("auth", "logout", "crm", "--json")
    assert (finished.code, finished.result["data"]["revoked"]) == (0, True)
    assert not stored().exists()
    assert kept["refresh_token"] in server.revoked


def test_a_logout_ends_the_login_here_also_when_the_service_is_down(process, server, configure):
    log_in_by_callback(process, server)
    configure(revocation_url="http://127.0.0.1:9/revoke")
    finished = process("auth", "logout", "crm")
    assert (finished.code, stored().exists()) == (0, False)
    assert "could not be told" in finished.stderr


def test_a_login_that_is_interrupted_leaves_nothing(process, server, configure):
    running = process.start("auth", "login", "crm", "--no-browser")
    assert any(b"http" in line for line in running.stderr)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=30) == 130
    assert not stored().exists()


def test_an_integration_without_a_login_is_a_usage_error(quack, configure):
    finished = quack("auth", "login", "shelf")
    assert (finished.code, "no login" in finished.stderr) == (2, True)


def test_a_name_that_is_not_configured_is_a_usage_error_that_lists_those_that_are(quack, configure):
    finished = quack("auth", "login", "cmr")
    assert (finished.code, "crm" in finished.stderr) == (2, True)


def test_a_key_is_always_logged_in(quack, configure):
    config = {
        "integrations": {
            "crm": {"use": "rest", "base_url": "http://127.0.0.1:9/", "auth": {"type": "bearer", "token": SECRET}}
        }
    }
    Path("quack_config.yaml").write_text(json.dumps(config), encoding="utf-8")
    finished = quack("auth", "status", "crm")
    assert (finished.code, "logged in" in finished.stdout, SECRET in finished.stdout) == (0, True, False)


BROKEN = {"use": "rest", "base_url": "http://127.0.0.1:9/", "auth": {"type": "oauth", "client_id": ""}}


def add(name: str, section: dict[str, object]) -> None:
    path = Path("quack_config.yaml")
    config = json.loads(path.read_text(encoding="utf-8"))
    config["integrations"][name] = section
    path.write_text(json.dumps(config), encoding="utf-8")


def test_a_login_that_cannot_be_told_hides_no_other_and_is_named(quack, configure):
    add("broken", BROKEN)
    add("worse", {**BROKEN, "auth": {**BROKEN["auth"], "token_url": "http://elsewhere.test/"}})
    finished = quack("auth", "status")
    assert (finished.code, "not logged in" in finished.stdout) == (7, True)
    assert "broken: client_id is empty" in finished.stderr
    assert "worse: client_id is empty" in finished.stderr
    finished = quack("auth", "status", "--json")
    assert [row["name"] for row in finished.result["data"]["logins"]] == ["crm"]
    assert len(finished.result["data"]["failed"]) == 2


@pytest.mark.parametrize("command", ["status", "login", "refresh", "logout"])
def test_an_error_in_a_section_names_the_integration(quack, configure, command):
    add("broken", BROKEN)
    finished = quack("auth", command, "broken")
    assert (finished.code, "broken: client_id is empty" in finished.stderr) == (7, True)


def test_a_login_is_had_whatever_is_wrong_with_other_instances(quack, server, configure):
    configure(flow="client_credentials")
    add("missing", {"use": "a-plugin-that-is-not-installed"})
    assert quack("auth", "login", "crm").code == 0
    finished = quack("auth", "status", "crn")
    assert (finished.code, "crm, shelf, missing" in finished.stderr) == (2, True)


def test_a_client_that_logs_in_by_its_own_right_needs_no_login_and_no_file(quack, server, configure):
    configure(flow="client_credentials")
    before = quack("auth", "status", "crm")
    assert (before.code, "logs in by itself" in before.stdout) == (0, True)
    finished = quack("auth", "login", "crm")
    assert (finished.code, "crm: logged in" in finished.stderr) == (0, True)


@pytest.mark.parametrize("option", [(), ("--no-browser",)])
def test_an_answer_that_can_only_be_pasted_needs_a_terminal(process, server, configure, option):
    configure(redirect_uri="https://app.example/callback")
    finished = process("auth", "login", "crm", *option)
    assert (finished.code, "run this in a terminal, or use --device" in finished.stderr) == (2, True)
    assert process("auth", "login", "crm", "--device").code == 0


def test_a_refresh_before_the_login_says_how_to_log_in(quack, configure):
    finished = quack("auth", "refresh", "crm")
    assert (finished.code, "run `quack auth login crm`" in finished.stderr) == (6, True)


def test_without_a_configuration_it_is_said_how_to_see_where_it_was_looked(quack, clean_environ):
    finished = quack("auth", "login", "crm")
    assert (finished.code, "quack config path -v" in finished.stderr) == (2, True)
