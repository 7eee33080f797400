"""The API's description, OpenAPI 3.1, made from the same table as its routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .endpoints import Endpoint
from .guard import COOKIE, KEY, PREFIX
from .shapes import Failure
from .status import API

_REF = "#/components/schemas/{model}"
_ABOUT = "The daemon of deshimmer, on the loopback interface: address and token stand in api.json in the state folder. See docs/api.md."


def describe(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    table = list(endpoints)
    models = {model for endpoint in table for model in (endpoint.body, endpoint.gives) if isinstance(model, type)} | {Failure}
    ordered = sorted(models, key=lambda model: model.__name__)
    references, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    schemas = {model: references[model, "validation"] for model in ordered}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in table:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "deshimmer", "version": str(API), "description": _ABOUT},
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "key": {"type": "apiKey", "in": "header", "name": KEY},
            },
        },
    }


def _operation(endpoint: Endpoint, schemas: dict[type[BaseModel], Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": endpoint.summary, "operationId": _name(endpoint), "parameters": _parameters(endpoint)}
    if endpoint.method != "GET":
        operation["security"] = [{"token": []}, {"session": [], "key": []}]
    if endpoint.body is not None:
        content = {"application/json": {"schema": schemas[endpoint.body]}}
        operation["requestBody"] = {"content": content, "required": bool(_required(endpoint.body))}
    gives = endpoint.gives
    good: dict[str, Any] = {gives: {}} if isinstance(gives, str) else {"application/json": {"schema": schemas[gives]}}
    failure = {"description": "What is wrong, and what to do", "content": {"application/json": {"schema": schemas[Failure]}}}
    operation["responses"] = {"200": {"description": "Done", "content": good}, "4XX": failure}
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    in_path = re.findall(r"{(\w+)}", endpoint.path)
    return [
        *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in in_path),
        *({"name": name, "in": "query", "description": words, "schema": {"type": "string"}} for name, words in endpoint.query.items()),
    ]


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def _name(endpoint: Endpoint) -> str:
    words = [word.strip("{}").replace(".", "_") for word in endpoint.path.strip("/").split("/")]
    return "_".join([endpoint.method.lower(), *words])
