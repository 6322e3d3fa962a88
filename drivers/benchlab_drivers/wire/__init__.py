"""The wire: transports that carry bytes to an instrument, one owner a line."""
