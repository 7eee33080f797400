"""Templates of services, autostart entries and packages, a folder for each system; config/templates.py fills them in."""
