"""Which part of a file belongs to whom."""

import pytest

from quackcore_async.config import section_names
from quackcore_async.config.sections import find_section, similar_sections
from quackcore_async.errors import InvalidConfigError

NAMES = section_names("ExampleService")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ExampleService", {"exampleservice", "example_service", "example-service", "ExampleService"}),
        ("S3Storage", {"s3storage", "s3_storage", "s3-storage", "S3Storage"}),
        ("MyHTTPService", {"myhttpservice", "my_http_service", "my-http-service", "MyHTTPService"}),
        ("My Service", {"myservice", "my_service", "my-service", "My Service"}),
        ("backups", {"backups"}),
        ("été", {"t", "été"}),
        ("日本", {"日本"}),
    ],
)
def test_the_accepted_spellings(name, expected):
    assert set(section_names(name)) == expected


@pytest.mark.parametrize("spelling", NAMES)
def test_a_section_is_found_at_the_top_level_and_in_the_group(spelling):
    assert find_section({spelling: {"a": 1}}, NAMES).path == (spelling,)
    assert find_section({"integrations": {spelling: {"a": 1}}}, NAMES).path == ("integrations", spelling)


@pytest.mark.parametrize(
    "data",
    [
        {"exampleservice": {}, "example_service": {}},
        {"example_service": {}, "integrations": {"example_service": None}},
        {"integrations": {"ExampleService": {}, "example-service": {}}},
    ],
)
def test_two_sections_of_one_integration_are_an_error_that_names_both(data):
    with pytest.raises(InvalidConfigError, match="more than once, as .* and "):
        find_section(data, NAMES)


def test_a_group_that_is_no_mapping_is_an_error():
    with pytest.raises(InvalidConfigError, match="must hold a mapping"):
        find_section({"integrations": [1]}, NAMES)
    assert find_section({"integrations": None}, NAMES) is None


def test_an_instance_of_another_integration_is_passed_over():
    data = {"integrations": {"s3": {"use": "memory"}}}
    assert find_section(data, ["s3"], kinds=["s3", "S3Storage"]) is None
    assert find_section(data, ["s3"]) is not None
    data["integrations"]["s3"]["use"] = "s3-storage"
    assert find_section(data, ["s3"], kinds=["s3", "S3Storage"]) is not None


def test_misspelt_sections_are_found_for_the_hint():
    assert similar_sections({"exampel_service": {}, "other": {}}, NAMES) == ["exampel_service"]
