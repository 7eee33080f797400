"""Prompts that generators leave in or beside a clip: found, brought to one form, and looked through for what makes flicker."""
