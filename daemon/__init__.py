"""The daemon: watches hot folders, queues renders, hands them to workers, and answers the command line."""
