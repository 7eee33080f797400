"""Smoothing, band by band: motion between frames, the low bands, and the detail."""
