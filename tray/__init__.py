"""The system tray. It knows the daemon through its API only, and imports nothing but config."""
