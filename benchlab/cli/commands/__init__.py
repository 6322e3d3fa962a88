"""Commands of the core, one module a command."""
