"""The command line: the only reader of arguments and environment. Each verb loads its shell when it is called."""
