"""The way of one clip: probe, diagnose, route, process, verify, deliver. Nothing here knows queue, tray or page."""
