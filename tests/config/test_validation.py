"""A section against its pydantic model: what is accepted, and how each complaint reads."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from quackcore_async.config.origins import OriginMap
from quackcore_async.config.validation import check_model


class Retry(BaseModel):
    attempts: int = 4
    wait: float = 0.5


class Settings(BaseModel):
    bucket_name: str
    region: str | None = None
    port: int = 443
    verify: bool = True
    ratio: float = 1.0
    mode: Literal["fast", "safe"] = "fast"
    cache: Path = Path("/cache")
    retry: Retry = Retry()
    mirrors: list[Retry] = []
    password: SecretStr | None = None

    @field_validator("bucket_name")
    @classmethod
    def check_length(cls, value: str) -> str:
        if len(value) < 3:
            raise ValueError("a bucket name has at least 3 characters")
        return value


def complaints(**values) -> list[str]:
    return check_model(Settings, {"bucket_name": "archive", **values}, OriginMap())[1]


def test_the_content_is_a_plain_dict_with_the_defaults_of_the_model():
    content, errors = check_model(Settings, {"bucket_name": "archive", "retry": {"wait": 1}}, OriginMap())
    assert errors == []
    assert content["retry"] == {"attempts": 4, "wait": 1.0}
    assert content["cache"] == Path("/cache")


def test_text_is_taken_for_a_number_because_variables_are_text():
    content, errors = check_model(Settings, {"bucket_name": "archive", "port": "8080"}, OriginMap())
    assert (content["port"], errors) == (8080, [])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"region": False}, "region: expected a valid string, found true or false: put it in quotes"),
        ({"region": 1.1}, "region: expected a valid string, found a number: put it in quotes"),
        ({"bucket_name": 8}, "bucket_name: expected a valid string, found a whole number: put it in quotes"),
        ({"port": True}, "port: expected a number, found true or false"),
        ({"ratio": False}, "ratio: expected a number, found true or false"),
        ({"retry": {"attempts": True}}, "retry.attempts: expected a number, found true or false"),
        ({"mirrors": [{"attempts": False}]}, "mirrors.0.attempts: expected a number, found true or false"),
        ({"port": None}, "port: expected a valid integer, found nothing"),
        ({"port": "x"}, "port: expected a valid integer, unable to parse"),
        ({"verify": "maybe"}, "verify: expected a valid boolean"),
        ({"mode": "slow"}, "mode: expected 'fast' or 'safe'"),
        ({"retry": 3}, "retry: expected a valid dictionary or instance of Retry, found a whole number"),
        ({"buckt_name": "x"}, "buckt_name: unknown key, did you mean 'bucket_name'?"),
        ({"retry": {"atempts": 1}}, "retry.atempts: unknown key, did you mean 'attempts'?"),
        ({"mirrors": [{"wat": 1}]}, "mirrors.0.wat: unknown key, did you mean 'wait'?"),
        ({"retry": {"zzz": 1}}, "retry.zzz: unknown key, known are: attempts, wait"),
        ({"bucket_name": "ab"}, "bucket_name: a bucket name has at least 3 characters"),
    ],
)
def test_a_complaint_names_the_key_and_what_was_expected(values, expected):
    [complaint] = complaints(**values)
    assert complaint.startswith(expected)


def test_all_complaints_are_listed():
    errors = check_model(Settings, {"port": "x", "extra": 1}, OriginMap())[1]
    assert [error.partition(":")[0] for error in errors] == ["bucket_name", "port", "extra"]
    assert "required, and missing" in errors[0]


def test_no_complaint_shows_the_value():
    secret = "hunter2secret"
    errors = complaints(port=secret, verify=secret, mode=secret, ratio=secret, retry=secret, mirrors=secret)
    assert len(errors) == 6
    assert not [error for error in errors if secret in error]


def test_a_validator_that_quotes_a_secret_is_masked():
    class Login(BaseModel):
        password: str

        @field_validator("password")
        @classmethod
        def refuse(cls, value: str) -> str:
            raise ValueError(f"{value} is too short")

    [error] = check_model(Login, {"password": "abc"}, OriginMap())[1]
    assert error.startswith("password: *** is too short")


def test_a_tagged_union_does_not_quote_the_tag():
    class Left(BaseModel):
        kind: Literal["left"]

    class Right(BaseModel):
        kind: Literal["right"]

    class Tagged(BaseModel):
        side: Left | Right = Field(discriminator="kind")

    [error] = check_model(Tagged, {"side": {"kind": "hunter2secret"}}, OriginMap())[1]
    assert "hunter2secret" not in error
    assert "'left', 'right'" in error


def test_a_model_that_says_what_to_do_with_unknown_keys_is_obeyed():
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")

    assert check_model(Open, {"anything": 1}, OriginMap()) == ({"anything": 1}, [])


def test_a_union_is_reported_under_its_key_not_its_members():
    class Either(BaseModel):
        value: int | list[int]

    errors = check_model(Either, {"value": {}}, OriginMap())[1]
    assert {error.partition(":")[0] for error in errors} == {"value"}
