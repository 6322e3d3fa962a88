"""The command that opens the window."""
