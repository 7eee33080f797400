"""Image sequences, folders of numbered frames: found, read as clips, and written as results."""
