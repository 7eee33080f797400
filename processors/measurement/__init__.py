"""What a diagnosis measures, from frames to faults to a verdict."""
