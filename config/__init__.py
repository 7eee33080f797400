"""What every other folder stands on: settings, paths, errors, and the one place that starts processes."""
