"""`python -m tamis`."""

from tamis.cli import command

command()
