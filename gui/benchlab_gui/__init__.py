"""The desktop window: a client that owns nothing."""
