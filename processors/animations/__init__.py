"""Animated GIF, APNG and WebP: what their files say that FFmpeg does not, and how they are written."""
