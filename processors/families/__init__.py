"""The families of video models that deshimmer can run again: one module each, and the table of all."""
