"""Courtesy: when work waits because a person, or another program, needs the machine."""
