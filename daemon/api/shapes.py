"""How answers are shaped, for the description and for the tests that hold every answer against it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from ..table import HIDDEN, JobRow


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


_HINTS: dict[str, Any] = get_type_hints(JobRow)
_COLUMNS: dict[str, Any] = {field.name: (_HINTS[field.name], ...) for field in fields(JobRow) if field.name not in HIDDEN}
Job: type[BaseModel] = create_model("Job", __base__=Shape, __doc__=JobRow.__doc__, **_COLUMNS)


class Error(Shape):
    """``message`` says what to do next."""

    title: str
    message: str
    path: str | None


class Failure(Shape):
    error: Error


class Running(Shape):
    id: str
    path: str
    stage: str | None
    progress: float | None = Field(description="part of the stage, 0 to 1")
    part: float | None = Field(description="part of the whole job, 0 to 1; null until a clip by the same route has ended")
    eta_s: float | None = Field(description="seconds left; null likewise")


class Waiting(Shape):
    what: str = Field(description="gpu or all")
    reason: str = Field(description="a sentence")


class Approval(Shape):
    """A clip that would be rendered again; null where the cost is not known."""

    id: str
    path: str
    minutes: float | None
    memory_gb: float | None
    device: str | None


class Writing(Shape):
    path: str
    since: float = Field(description="seconds since the epoch")


class Folder(Shape):
    path: str
    output: str


class Paused(Shape):
    paused: bool
    paused_until: float | None = Field(description="seconds since the epoch; null: until resumed")
    gpu_paused: bool
    gpu_paused_until: float | None


class Status(Paused):
    api: int
    version: str
    pid: int
    waiting: list[Waiting]
    snoozed_until: float | None
    page_in_front: bool
    hot_folders: list[Folder]
    problems: list[Error]
    counts: dict[str, int]
    needs_you: int = Field(description="flagged or failed in the last day, not done again and not looked at")
    approving: int = Field(description="clips of the last day that would be rendered again, once approved; not looked at")
    waiting_for_approval: list[Approval] = Field(description="the newest of these")
    writing: list[Writing] = Field(description="renders that are not whole yet, after a second or more without a change")
    running: list[Running]
    event: int = Field(description="the last event's number: listen from here on")


class Jobs(Shape):
    jobs: list[Job]  # type: ignore[valid-type]  # pyright: ignore[reportInvalidTypeForm]
    next: str | None = Field(description="the cursor of the next page")
    total: int


class OneJob(Shape):
    job: Job  # type: ignore[valid-type]  # pyright: ignore[reportInvalidTypeForm]


class JobAndReceipt(OneJob):
    receipt: dict[str, Any] | None


class Finished(Shape):
    next: int
    receipts: list[dict[str, Any]] = Field(description="the objects of fix --json")


class Settings(Shape):
    file: str
    values: dict[str, Any] = Field(description="in force, whatever they come from")
    text: str = Field(description="what the file holds")


class EditedSettings(Settings):
    applied: list[str] = Field(description="keys in force from now on")
    restart: list[str] = Field(description="keys that the next start takes up")
    overridden: dict[str, str] = Field(description="keys that were written but that something else decides, and what")


class Lines(Shape):
    lines: list[str]


class Disk(Shape):
    path: str
    free: int
    total: int
    reserve: int = Field(description="what a repair leaves free")


class Gpu(Shape):
    name: str
    used: int
    total: int
    utilisation: float | None = Field(description="0 to 1")


class Gauges(Shape):
    """Sizes in bytes, shares 0 to 1."""

    disks: list[Disk]
    gpus: list[Gpu] = Field(description="of NVIDIA, as CUDA_VISIBLE_DEVICES leaves them")
    gpus_unread: str | None = Field(description="what to do where there is a driver that cannot be asked")
    cpu: float
    memory: float


class Opened(Shape):
    path: str


class Snoozed(Shape):
    snoozed_until: float | None


class InFront(Shape):
    page_in_front: bool


class NeedsYou(Shape):
    needs_you: int


class Freed(Shape):
    freed: int = Field(description="workers that were idle and ended")


class Entered(Shape):
    entered: int


class Cleared(Shape):
    cleared: int


class Stopping(Shape):
    stopping: bool


class Url(Shape):
    url: str


class Session(Shape):
    path: str = Field(description="where the browser goes now")
    key: str = Field(description="goes with every change, in X-Deshimmer-Key")
