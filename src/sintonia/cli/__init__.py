"""The command line: `main.py` holds the table of commands, each one has its file. Only this door prints."""
