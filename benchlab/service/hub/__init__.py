"""The hub: what the workers know, for clients on HTTP and WebSocket."""
