"""``python -m deshimmer.daemon``: the command line, where the ``deshimmer`` script is not on the path."""

from .cli import main

main()
