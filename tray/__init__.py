"""The system tray. Not in this version; it will talk to the daemon through its API only."""
