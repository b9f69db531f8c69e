"""JSON Schemas of the canonical documents: generated, committed, served, and held to be compatible within a version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE


def schema_of(event_type: str) -> dict[str, Any]:
    """The JSON Schema of the data of one event type."""
    schema = DOCUMENTS_BY_TYPE[event_type].model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{event_type.replace('.', ':')}"} | schema


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Why data that fitted the old schema may not fit the new one, or be read otherwise. Nothing: the change is compatible.

    Compatible is: a new optional field, a wider enumeration, another description. Everything else needs a new version of the type.
    """
    yield from _breaks(old, new, old, new, "data", frozenset())


def _breaks(
    old: Any, new: Any, old_root: Mapping[str, Any], new_root: Mapping[str, Any], path: str, seen: frozenset[tuple[str, str]]
) -> Iterator[str]:
    pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
    if any(pair):
        if pair in seen:
            return
        seen = seen | {pair}
        old, new = _resolve(old, old_root), _resolve(new, new_root)
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{path}.{name} is required now"
    old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
    for name, field in old_fields.items():
        if name not in new_fields:
            yield f"{path}.{name} is gone"
        else:
            yield from _breaks(field, new_fields[name], old_root, new_root, f"{path}.{name}", seen)
    if gone := [value for value in old.get("enum", ()) if value not in new.get("enum", ())]:
        yield f"{path} no longer allows {', '.join(map(str, gone))}"
    if "enum" in new and "enum" not in old:
        yield f"{path} allows only some values now"
    for keyword in ("type", "pattern", "const", "default", "format"):
        if keyword in new and old.get(keyword) != new[keyword]:
            yield f"{path}: {keyword} was {old.get(keyword)}, is {new[keyword]}"
    for keyword, narrower in (
        ("maxLength", min),
        ("maxItems", min),
        ("maximum", min),
        ("minLength", max),
        ("minItems", max),
        ("minimum", max),
    ):
        if keyword in new and (keyword not in old or narrower(old[keyword], new[keyword]) == new[keyword] != old[keyword]):
            yield f"{path}: {keyword} was {old.get(keyword)}, is {new[keyword]}"
    for keyword in ("items", "additionalProperties"):
        if isinstance(old.get(keyword), dict) and isinstance(new.get(keyword), dict):
            yield from _breaks(old[keyword], new[keyword], old_root, new_root, f"{path}[]", seen)
    for one, other in zip(old.get("anyOf", ()), new.get("anyOf", ()), strict=False):
        yield from _breaks(one, other, old_root, new_root, path, seen)
    if len(old.get("anyOf", ())) > len(new.get("anyOf", ())) > 0:
        yield f"{path} allows fewer kinds of values"


def _resolve(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return root["$defs"][str(reference).rsplit("/", 1)[-1]] if reference else schema
