"""Which configuration file decides."""

from pathlib import Path

import pytest

from quackcore_async.config import config_variable, resolve_path, search_config, using_config_file
from quackcore_async.errors import MissingConfigError


def touch(path: str | Path) -> str:
    path = Path(path).expanduser().absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


def chosen(**kwargs) -> tuple[str, str] | None:
    place = search_config("ExampleService", **kwargs).chosen
    return place and (place.source, place.path)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("ExampleService", "QUACK_EXAMPLESERVICE_CONFIG"),
        ("my-service.2", "QUACK_MY_SERVICE_2_CONFIG"),
        ("é x", "QUACK___X_CONFIG"),
    ],
)
def test_the_variable_of_an_integration(name, variable):
    assert config_variable(name) == variable


def test_each_source_goes_before_the_next(monkeypatch):
    assert chosen() is None
    home = touch("~/.quack/config.yaml")
    assert chosen() == ("default", home)
    working = touch("quack_config.yaml")
    assert chosen() == ("default", working)
    project = touch("config/integration_config.yaml")
    assert chosen() == ("default", project)
    given = touch("given.yaml")
    assert chosen(config_path="given.yaml") == ("config_path", given)
    monkeypatch.setenv("QUACK_INTEGRATION_CONFIG", touch("shared.yaml"))
    assert chosen(config_path="given.yaml") == ("QUACK_INTEGRATION_CONFIG", str(Path("shared.yaml").absolute()))
    monkeypatch.setenv("QUACK_EXAMPLESERVICE_CONFIG", touch("own.yaml"))
    assert chosen(config_path="given.yaml") == ("QUACK_EXAMPLESERVICE_CONFIG", str(Path("own.yaml").absolute()))
    with using_config_file(touch("forced.yaml")):
        assert chosen(config_path="given.yaml") == ("--config", str(Path("forced.yaml").absolute()))
    assert chosen()[0] == "QUACK_EXAMPLESERVICE_CONFIG"


def test_a_forced_file_of_none_changes_nothing():
    with using_config_file("a.yaml"), using_config_file(None):
        assert chosen()[0] == "--config"


def test_relative_places_are_tried_in_the_project_root_too(monkeypatch):
    touch("pyproject.toml")
    inner = Path("src/pkg")
    inner.mkdir(parents=True)
    root_file = touch("quack_config.yaml")
    monkeypatch.chdir(inner)
    assert chosen() == ("default", root_file)
    near = touch("quack_config.yaml")
    assert chosen() == ("default", near)


def test_a_parent_that_is_no_project_is_not_looked_at(monkeypatch):
    touch("quack_config.yaml")
    Path("inner").mkdir()
    monkeypatch.chdir("inner")
    assert chosen() is None


@pytest.mark.parametrize("name", ["QUACK_EXAMPLESERVICE_CONFIG", "QUACK_INTEGRATION_CONFIG"])
def test_a_variable_that_names_a_missing_file_is_an_error(monkeypatch, name):
    touch("quack_config.yaml")
    monkeypatch.setenv(name, "gone.yaml")
    with pytest.raises(MissingConfigError, match=rf"gone\.yaml \(from {name}\)"):
        search_config("ExampleService").require_file()


def test_a_given_path_that_is_missing_is_an_error():
    touch("quack_config.yaml")
    with pytest.raises(MissingConfigError, match=r"gone\.yaml \(from config_path\)"):
        search_config(config_path="gone.yaml").require_file()


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("QUACK_INTEGRATION_CONFIG", " ")
    assert chosen() is None


def test_the_overridden_path_is_told(monkeypatch):
    monkeypatch.setenv("QUACK_INTEGRATION_CONFIG", touch("shared.yaml"))
    given = touch("given.yaml")
    assert search_config(config_path="given.yaml").overridden.path == given
    assert search_config().overridden is None
    assert search_config(config_path="shared.yaml").overridden is None


def test_every_place_is_listed_once_in_order(monkeypatch):
    monkeypatch.setenv("HOME", str(Path.cwd()))
    places = search_config("X", locations=("~/a.yaml", "./a.yaml", "b.yaml")).places
    assert [place.source for place in places] == [
        "QUACK_X_CONFIG",
        "QUACK_INTEGRATION_CONFIG",
        "default",
        "default",
    ]
    assert [place.path for place in places[2:]] == [str(Path.cwd() / "a.yaml"), str(Path.cwd() / "b.yaml")]


def test_home_and_variables_are_expanded_before_a_path_is_made_absolute(monkeypatch):
    monkeypatch.setenv("STAGE", "prod")
    assert resolve_path("~/$STAGE/../x.yaml") == str(Path.home() / "x.yaml")
    assert resolve_path("$STAGE.yaml") == str(Path.cwd() / "prod.yaml")


def test_an_unknown_home_is_an_error_for_a_given_path_only():
    with pytest.raises(MissingConfigError, match="HOME"):
        resolve_path("~no-such-user-here/x.yaml")
    search = search_config(locations=("~no-such-user-here/x.yaml", "a.yaml"))
    assert [place.path for place in search.places if place.path] == [str(Path.cwd() / "a.yaml")]


def test_a_removed_working_directory_leaves_the_absolute_places(monkeypatch, tmp_path):
    home = touch("~/.quack/config.yaml")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert chosen() == ("default", home)
    with pytest.raises(MissingConfigError, match="working directory is gone"):
        resolve_path("a.yaml")
