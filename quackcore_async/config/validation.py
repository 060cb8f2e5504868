"""Check a section against a pydantic model, strictly enough for what YAML guesses wrong."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from quackcore_async.config.document import KeyPath
from quackcore_async.config.origins import ABSENT, OriginMap, child
from quackcore_async.redaction import MASK, is_secret_name

__all__ = ["check_model"]

_FOUND: Final[dict[type, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}
_QUOTE: Final = "put it in quotes"


def check_model(
    model: type[BaseModel], values: Mapping[str, Any], origins: OriginMap
) -> tuple[dict[str, Any], list[str]]:
    """Validate `values` and return them as the model types them, its defaults filled in, and every complaint.

    Unknown keys are errors unless the model sets `extra` itself. Text is taken for a number where the model wants
    one (that is what `${VAR}` gives); a truth value never is.
    """
    try:
        checked = model.model_validate(values, extra=None if "extra" in model.model_config else "forbid")
    except ValidationError as error:
        details = error.errors(include_url=False)
    else:
        content = checked.model_dump()
        return content, [
            _line((*path,), "expected a number, found true or false (YAML reads yes, no, on and off so)", origins)
            for path in _truth_as_number(values, content)
        ]
    return {}, list(dict.fromkeys(_complaint(model, values, detail, origins) for detail in details))


def _complaint(model: type[BaseModel], values: Mapping[str, Any], detail: ErrorDetails, origins: OriginMap) -> str:
    if detail["type"] == "extra_forbidden":
        return _line(detail["loc"], _unknown_key(model, detail["loc"]), origins)
    if detail["type"] == "missing":
        return _line(detail["loc"], "required, and missing", origins)
    path = tuple(_existing(values, detail["loc"]))
    return _line(path, _expectation(detail, path), origins)


def _line(path: KeyPath, text: str, origins: OriginMap) -> str:
    label = origins.label(path) or "the section"
    return f"{label}: {text} ({origins.describe(path)})"


def _expectation(detail: ErrorDetails, path: KeyPath) -> str:
    given = detail["input"]
    if detail["type"] == "union_tag_invalid":  # its message quotes the value
        return f"expected one of {detail['ctx']['expected_tags']}"
    text = detail["msg"].replace("Input should be", "expected").removeprefix("Value error, ")
    if path and is_secret_name(str(path[-1])) and given not in (None, ""):
        text = text.replace(str(given), MASK)
    if not detail["type"].endswith("_type"):
        return text
    found = f"{text}, found {_FOUND.get(type(given), 'something else')}"
    if detail["type"] == "string_type" and isinstance(given, bool | int | float):
        return f"{found}: {_QUOTE}"
    return found


def _unknown_key(model: type[BaseModel], path: KeyPath) -> str:
    known = _keys_at(model, path[:-1])
    import difflib

    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    if close:
        return f"unknown key, did you mean {close[0]!r}?"
    return f"unknown key, known are: {', '.join(sorted(known))}" if known else "unknown key"


def _keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that the model, or the one nested in it at `path`, takes."""
    models = [model]
    for step in path:
        inner = [m.model_fields[str(step)].annotation for m in models if str(step) in m.model_fields]
        models = [found for annotation in inner for found in _models_in(annotation)] or models
    return [field.alias or name for found in models for name, field in found.model_fields.items()]


def _models_in(annotation: object) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _existing(values: Any, location: KeyPath) -> Iterator[str | int]:  # noqa: ANN401 - any configuration value
    """Yield the steps of a pydantic location that are keys: it also names the members of unions."""
    for step in location:
        values = child(values, step)
        if values is ABSENT:
            return
        yield step


def _truth_as_number(given: Any, taken: Any, path: KeyPath = ()) -> Iterator[KeyPath]:  # noqa: ANN401 - any value
    if isinstance(given, bool) and isinstance(taken, int | float) and not isinstance(taken, bool):
        yield path
    elif isinstance(given, Mapping) and isinstance(taken, Mapping):
        for key in given.keys() & taken.keys():
            yield from _truth_as_number(given[key], taken[key], (*path, key))
    elif isinstance(given, list) and isinstance(taken, list | tuple):
        for index, (item, result) in enumerate(zip(given, taken, strict=False)):
            yield from _truth_as_number(item, result, (*path, index))
