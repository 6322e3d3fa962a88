"""Commands that need drivers or their simulators, one module a command."""
