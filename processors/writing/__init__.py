"""How a result is written: encoders, pixel formats, containers, and the pipe into FFmpeg."""
