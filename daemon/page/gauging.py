"""Disks, GPUs, CPU and memory, as the API gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from ..api.control import Control


def gauges(control: Control) -> dict[str, Any]:
    """The object of ``/gauges``."""
    disks: list[dict[str, Any]] = []
    for folder in control.hot_folders():
        usage = psutil.disk_usage(str(folder.path))
        disks.append({"path": str(folder.path), "free": usage.free, "total": usage.total, "reserve": 2e9})
    return {"disks": disks, "gpus": [], "cpu": psutil.cpu_percent() / 100, "memory": psutil.virtual_memory().percent / 100}
