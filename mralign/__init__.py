"""The command line: mralign NOUN VERB. Printing and exit codes live here only."""
