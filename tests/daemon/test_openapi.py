"""The description is a right OpenAPI document, tells every route, and answers are shaped as it says."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from clipmaker import pan, write
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel
from starlette.routing import BaseRoute

from deshimmer.daemon.api import app as api_app
from deshimmer.daemon.api.endpoints import DescribedRoute
from deshimmer.daemon.api.guard import PREFIX
from deshimmer.daemon.api.links import Links
from deshimmer.daemon.api.shapes import Failure
from deshimmer.daemon.api.stream import Stream
from deshimmer.daemon.app import Daemon


def routes(daemon: Daemon) -> list[BaseRoute]:
    return api_app.routes(daemon, Stream(daemon.jobs.hub), Links(), "http://127.0.0.1:1", ExitStack())


def test_the_description_is_right_and_tells_every_route(daemon: Daemon, client: httpx.Client) -> None:
    description = client.get("/api/v1/openapi.json").json()
    OpenAPIV31SpecValidator(description).validate()
    told = {(method.upper(), PREFIX + path) for path, operations in description["paths"].items() for method in operations}
    served = [route for route in routes(daemon) if getattr(route, "path", "").startswith("/api")]
    assert told == {(method, route.path) for route in served for method in route.methods if method != "HEAD"}  # type: ignore[attr-defined]
    assert len(told) == len(served) > 25
    names = [operation["operationId"] for operations in description["paths"].values() for operation in operations.values()]
    assert len(set(names)) == len(names)
    assert description["components"]["schemas"]["Status"]["additionalProperties"] is False


def test_answers_are_shaped_as_they_are_described(
    daemon: Daemon, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # no desktop: opening is an error, which has its shape too
    write(tmp_path / "hot" / "ok.mp4", pan(3, (64, 48)))
    write(tmp_path / "hot" / "hang.mp4", pan(4, (64, 48)))
    deadline = time.monotonic() + 20
    while not (finished := client.get("/api/v1/finished?since=0").json()["receipts"]) or not client.get("/api/v1/status").json()["running"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    done = finished[0]["id"]
    hanging = client.get("/api/v1/status").json()["running"][0]["id"]
    asked: set[str] = set()
    for endpoint in (route.described for route in routes(daemon) if isinstance(route, DescribedRoute)):
        if not isinstance(endpoint.gives, type) or endpoint.path in SKIPPED:
            continue
        job = hanging if endpoint.path.endswith("/cancel") else done
        answer = client.request(endpoint.method, PREFIX + endpoint.path.replace("{id}", job), json=BODIES.get(endpoint.path))
        shape: type[BaseModel] = Failure if answer.is_error else endpoint.gives
        shape.model_validate_json(answer.content)
        assert answer.is_error == (endpoint.path in FAILING), (endpoint.path, answer.text)
        asked.add(endpoint.path)
    assert len(asked) > 20


SKIPPED = {"/stop"}
FAILING = {"/jobs/{id}/approve", "/jobs/{id}/keep", "/jobs/{id}/open", "/jobs/{id}/show_in_folder", "/session"}
BODIES: dict[str, dict[str, Any]] = {
    "/snooze": {"seconds": 0},
    "/presence": {"in_front": False},
    "/hot_folders": {"path": "/nowhere"},
    "/session": {"code": "guess"},
    "/settings": {"changes": {"repair.strength": 0.5}},
}
