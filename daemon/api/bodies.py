"""What requests may say, key by key. An unknown key is an error."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nothing(Body):
    pass


class Retry(Body):
    route: str | None = Field(default=None, description="treat it by this route instead")


class Pause(Body):
    seconds: float | None = Field(default=None, ge=0, description="resume by itself after so long")
    gpu: bool = Field(default=False, description="only what uses the GPU")
    now: bool = Field(default=False, description="cut short what runs, to begin it again later; without: it ends its step")


class Resume(Body):
    gpu: bool = Field(default=False, description="only what uses the GPU")


class Snooze(Body):
    seconds: float = Field(ge=0, le=366 * 86400, description="no notification for so long; 0 ends it")


class Presence(Body):
    in_front: bool = Field(description="the page is visible and has the focus; say so every 10 s")
    page: str = Field(default="", max_length=100, description="tells one window from another")


class Seen(Body):
    id: str | None = Field(default=None, description="a job that a person has looked at; absent: all")


class Link(Body):
    path: str = Field(default="/", description="where the browser begins")


class SettingsEdit(Body):
    changes: dict[str, Any] = Field(default_factory=dict, description="values by dotted key; null removes the key, which gives the default")
    hot_folders: list[dict[str, Any]] | None = Field(default=None, description="all hot folders from now on; absent: as they are")
