"""JSON Schemas of the canonical documents: generated, committed, served, and held to be compatible within a version.

`python -m hybrid_erp.web.schemas` writes the committed ones anew, unless a change would break a sender: it needs a new version of the type.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE

FOLDER: Final = Path(__file__).resolve().parent.parent / "schemas"

#: Keywords that allow less the higher they are, and the other way round.
_LOWER_LIMITS: Final = ("minLength", "minItems", "minimum", "exclusiveMinimum")
_UPPER_LIMITS: Final = ("maxLength", "maxItems", "maximum", "exclusiveMaximum")

_Refs = frozenset[tuple[str, str]]


@cache
def schema_of(event_type: str) -> dict[str, Any]:
    """The JSON Schema of the data of one event type."""
    schema = DOCUMENTS_BY_TYPE[event_type].model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{event_type.replace('.', ':')}"} | schema


def committed_schemas(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """What senders were promised: the committed schema of each event type."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))}


def broken_promises(committed: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Why data that fits a committed schema may not be taken any more, or be read otherwise."""
    for event_type, promised in committed.items():
        if event_type not in DOCUMENTS_BY_TYPE:
            yield f"{event_type} is no longer served"
        else:
            yield from (f"{event_type}: {reason}" for reason in breaks(promised, schema_of(event_type)))


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Why data that fitted the old schema may not fit the new one, or be read otherwise. Nothing: the change is compatible.

    Compatible is: a new optional field, a wider enumeration or limit, another description. Everything else needs a new version of the type.
    """
    yield from _Comparison(old, new).value(old, new, "data", frozenset())


class _Comparison:
    """Two schemas with their definitions."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self.old_definitions: Mapping[str, Any] = old.get("$defs", {})
        self.new_definitions: Mapping[str, Any] = new.get("$defs", {})

    def value(self, old: Mapping[str, Any], new: Mapping[str, Any], path: str, seen: _Refs) -> Iterator[str]:
        """Each kind of value that the old schema allows must fit one that the new schema allows."""
        if "default" in old and "default" in new and old["default"] != new["default"]:
            yield f"{path}: the default was {old['default']}, is {new['default']}"
        pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        if pair in seen:
            return
        seen = seen | {pair} if all(pair) else seen
        choices = _kinds(new, self.new_definitions)
        for kind in _kinds(old, self.old_definitions):
            yield from min((list(self.kind(kind, choice, path, seen)) for choice in choices), key=len)

    def kind(self, old: Mapping[str, Any], new: Mapping[str, Any], path: str, seen: _Refs) -> Iterator[str]:
        """One kind of value against another."""
        yield from _scalars(old, new, path)
        yield from self.fields(old, new, path, seen)
        if "items" in new:
            yield from self.value(old.get("items", {}), new["items"], f"{path}[]", seen)

    def fields(self, old: Mapping[str, Any], new: Mapping[str, Any], path: str, seen: _Refs) -> Iterator[str]:
        """What an object holds."""
        for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            yield f"{path}.{name} is required now"
        promised, served = old.get("properties", {}), new.get("properties", {})
        for name, field in promised.items():
            if name not in served:
                yield f"{path}.{name} is gone"
            else:
                yield from self.value(field, served[name], f"{path}.{name}", seen)
        others, now = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if now is False and others is not False:
            yield f"{path} refuses other fields now"
        elif isinstance(now, dict) and others is not False:
            yield from self.value(others if isinstance(others, dict) else {}, now, f"{path}.*", seen)


def _kinds(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if reference := schema.get("$ref"):
        return _kinds(definitions[str(reference).rsplit("/", 1)[-1]], definitions)
    if "anyOf" in schema:
        return [kind for each in schema["anyOf"] for kind in _kinds(each, definitions)]
    return [schema]


def _scalars(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[str]:
    if "type" in new and new["type"] != old.get("type") and (new["type"], old.get("type")) != ("number", "integer"):
        yield f"{path}: the type was {old.get('type', 'any')}, is {new['type']}"
    for keyword in ("pattern", "format", "multipleOf", "uniqueItems"):
        if keyword in new and new[keyword] != old.get(keyword):
            yield f"{path}: {keyword} was {old.get(keyword)}, is {new[keyword]}"
    if (values := _values(new)) is not None:
        before = _values(old)
        if before is None:
            yield f"{path} allows only some values now"
        elif gone := [value for value in before if value not in values]:
            yield f"{path} no longer allows {', '.join(map(str, gone))}"
    for keywords, narrower in ((_LOWER_LIMITS, max), (_UPPER_LIMITS, min)):
        for keyword in keywords:
            if keyword in new and (keyword not in old or narrower(old[keyword], new[keyword]) != old[keyword]):
                yield f"{path}: {keyword} was {old.get(keyword)}, is {new[keyword]}"


def _values(schema: Mapping[str, Any]) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def write_schemas(folder: Path = FOLDER) -> list[str]:
    """Write every schema, or nothing if that would break a promise; the reasons why it would."""
    if reasons := list(broken_promises(committed_schemas(folder))):
        return reasons
    folder.mkdir(exist_ok=True)
    for event_type in DOCUMENTS_BY_TYPE:
        (folder / f"{event_type}.json").write_text(json.dumps(schema_of(event_type), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return []


if __name__ == "__main__":
    refused = write_schemas()
    print(
        "\n".join([*refused, "Give the type a new version beside the old one; nothing was written."]) if refused else f"Written: {FOLDER}"
    )
    sys.exit(1 if refused else 0)
