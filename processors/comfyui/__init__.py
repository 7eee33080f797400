"""Rendering a clip again through the user's own ComfyUI."""
