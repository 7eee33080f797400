"""The machine's power: whether it runs on battery, and how it is sent to sleep."""

from __future__ import annotations

import psutil

SLEEP: dict[str, tuple[str, ...]] = {
    "linux": ("systemctl", "suspend"),
    "darwin": ("pmset", "sleepnow"),
    "win32": ("rundll32.exe", "powrprof.dll,SetSuspendState", "0,1,0"),
}
"""By ``sys.platform``: the command that suspends the machine."""


def on_battery() -> bool:
    """False also where there is no battery, or nothing says whether the plug is in."""
    read = getattr(psutil, "sensors_battery", None)  # psutil has it where the system does
    battery = read() if read else None
    return battery is not None and battery.power_plugged is False
