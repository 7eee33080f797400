"""The daemon's API, version 1: HTTP with JSON on the loopback interface, events as they happen, and the way in for a browser.

Errors are ``{"error": {"title", "message", "path"}}`` with a 4xx status. docs/api.md tells it all.
"""

from .server import Api, api_file

__all__ = ["Api", "api_file"]
