"""Commands that analyse or convert, one module a command."""
