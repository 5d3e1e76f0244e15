"""`python -m devworkspace`: the command by the interpreter that has it, wherever its script is."""

from devworkspace.cli.main import main

main(prog_name="devworkspace")
