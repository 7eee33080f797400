"""Templates of services and packages. Not in this version."""
