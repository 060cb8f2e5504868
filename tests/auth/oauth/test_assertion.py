"""Authenticating a client by a private key."""

import json
import os
import sys
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from quackcore_async.auth import OAuthProvider
from quackcore_async.auth.oauth.assertion import ALGORITHMS, SigningKey, signed_assertion
from quackcore_async.errors import ErrorKind, InvalidConfigError
from tests.servers.authorization import Client

RSA = RSAKey.generate_key(2048)
P256 = ECKey.generate_key("P-256")
P384 = ECKey.generate_key("P-384")
ED25519 = OKPKey.generate_key("Ed25519")
KEYS: dict[str, Any] = {"RS256": RSA, "ES256": P256, "ES384": P384, "EdDSA": ED25519}

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # RFC 9864 has a newer name for it


def pem(key: Any, private: bool = True) -> str:
    return key.as_pem(private=private).decode()


@pytest.mark.parametrize(("algorithm", "key"), KEYS.items(), ids=KEYS.keys())
@pytest.mark.parametrize("form", ["pem", "bytes", "jwk", "jwk text", "file"])
async def test_a_client_authenticates_with_each_kind_of_key(
    authorization_server, provide, tmp_path, algorithm, key, form
):
    path = tmp_path / "key"
    path.write_text(pem(key))
    path.chmod(0o600)
    source = {
        "pem": pem(key),
        "bytes": pem(key).encode(),
        "jwk": key.as_dict(private=True),
        "jwk text": json.dumps(key.as_dict(private=True)),
        "file": path,
    }[form]
    authorization_server.clients["signer"] = Client(method="private_key_jwt", jwk=key.as_dict(private=False))
    provider = provide(
        client_id="signer", client_secret=None, private_key=source, flow="client_credentials", key_id="k1"
    )
    for _ in range(2):  # each assertion is good once
        result = (
            await provider.authenticate() if not provider.authenticated else await provider.refresh_credentials()
        )
        assert result.success, result.error
    assertions = [form["client_assertion"] for form in authorization_server.grants("client_credentials")]
    assert len(set(assertions)) == 2
    decoded = jwt.decode(assertions[0], key, algorithms=[algorithm])
    assert decoded.header["kid"] == "k1"
    assert decoded.header["alg"] == algorithm


async def test_the_claims_are_those_of_the_standard():
    assertion = await signed_assertion(SigningKey(pem(P256)), "me", "https://idp.example/token", 1_000_000.9)
    claims = jwt.decode(assertion.reveal(), P256, algorithms=["ES256"]).claims
    assert claims["iss"] == claims["sub"] == "me"
    assert claims["aud"] == "https://idp.example/token"
    assert claims["exp"] - claims["iat"] <= 60
    assert claims["iat"] == 1_000_000
    another = await signed_assertion(SigningKey(pem(P256)), "me", "https://idp.example/token", 1_000_000.9)
    assert jwt.decode(another.reveal(), P256, algorithms=["ES256"]).claims["jti"] != claims["jti"]


async def test_another_signature_of_the_same_key_may_be_asked_for():
    assertion = await signed_assertion(SigningKey(pem(RSA), algorithm="PS256"), "me", "a", 0)
    assert jwt.decode(assertion.reveal(), RSA, algorithms=["PS256"]).header["alg"] == "PS256"


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "HS512", "RS1", ""])
def test_other_signatures_are_refused(algorithm):
    assert algorithm not in ALGORITHMS
    with pytest.raises(InvalidConfigError, match="signing_alg is none of"):
        SigningKey(pem(RSA), algorithm=algorithm)


@pytest.mark.parametrize(
    "source",
    [
        pem(RSA, private=False),
        RSA.as_dict(private=False),
        OctKey.generate_key(256).as_dict(private=True),
        "S3CR3T no key",
        "{S3CR3T",
        '{"kty": "S3CR3T"}',
        "{}",
        "-----BEGIN PRIVATE KEY-----\nS3CR3T\n-----END PRIVATE KEY-----\n",
    ],
    ids=[
        "public PEM",
        "public JWK",
        "shared key",
        "words",
        "broken JSON",
        "unknown kind",
        "empty JWK",
        "broken PEM",
    ],
)
async def test_what_is_no_private_key_is_refused_and_not_shown(provide, source):
    provider = provide(client_secret=None, private_key=source, flow="client_credentials")
    result = await provider.authenticate()
    assert result.error_info.kind is ErrorKind.MISCONFIGURED
    assert "private key" in result.error
    assert "S3CR3T" not in repr(provider) + result.error + str(vars(provider._key or object))


@pytest.mark.parametrize("key", [RSA.as_dict(private=False), OctKey.generate_key(256).as_dict(private=True)])
async def test_a_public_and_a_shared_key_are_named_as_such(provide, key):
    provider = provide(client_secret=None, private_key=key, signing_alg="RS256", flow="client_credentials")
    assert "is no private key" in (await provider.authenticate()).error


async def test_a_signature_that_does_not_fit_the_key_is_a_wrong_configuration(provide):
    provider = provide(client_secret=None, private_key=pem(P256), signing_alg="RS256", flow="client_credentials")
    result = await provider.authenticate()
    assert result.error_info.kind is ErrorKind.MISCONFIGURED


@pytest.mark.parametrize("source", [7, None, [], b"", "  "])
def test_a_key_is_text_or_a_mapping_or_a_path(source):
    with pytest.raises(InvalidConfigError):
        SigningKey(source)


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key.pem"
    path.write_text(pem(P256))
    path.chmod(0o600)
    return path


def use(path: Any) -> str:
    return SigningKey(path).sign({"iss": "me"})


def test_a_private_file_is_read(key_file):
    assert use(key_file)


def test_a_file_that_others_can_read_is_refused_with_the_remedy(key_file):
    key_file.chmod(0o644)
    with pytest.raises(InvalidConfigError, match="run `chmod 600 "):
        use(key_file)


def test_a_link_is_refused(key_file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(key_file)
    with pytest.raises(InvalidConfigError, match="cannot read the private key"):
        use(link)


def test_a_file_with_several_names_is_refused(key_file, tmp_path):
    (tmp_path / "other").hardlink_to(key_file)
    with pytest.raises(InvalidConfigError, match="not a regular file with one name"):
        use(key_file)


def test_a_pipe_is_refused_without_a_wait(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(InvalidConfigError, match="not a regular file"):
        use(tmp_path / "pipe")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidConfigError, match="No such file"):
        use(tmp_path / "nothing")


async def test_a_missing_package_is_named_with_the_remedy(provide, monkeypatch):
    monkeypatch.setitem(sys.modules, "joserfc", None)
    provider = provide(client_secret=None, private_key=pem(P256), flow="client_credentials")
    result = await provider.authenticate()
    assert result.error_info.code == "missing_extra"
    assert "pip install 'quackcore-async[jwt]'" in result.error


async def test_the_assertion_is_in_no_error(authorization_server, provide):
    from tests.servers.authorization import error_answer

    authorization_server.clients["signer"] = Client(method="private_key_jwt", jwk=P256.as_dict(private=False))
    provider = provide(client_id="signer", client_secret=None, private_key=pem(P256), flow="client_credentials")

    def echo(form: dict[str, str], headers: dict[str, str]) -> Any:
        return error_answer("invalid_client", 401, f"rejected {form['client_assertion']}")

    authorization_server._in_the_crowd = echo
    result = await provider.authenticate()
    assert "rejected" not in result.error


def test_a_provider_does_not_show_its_key():
    provider = OAuthProvider(
        "id", None, "https://a.example/", "https://a.example/t", private_key=P256.as_dict(private=True), key_id="k"
    )
    shown = repr(provider) + str(vars(provider)) + repr(provider._key) + str(vars(provider._key))
    assert P256.as_dict(private=True)["d"] not in shown
