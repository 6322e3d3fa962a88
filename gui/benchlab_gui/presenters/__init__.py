"""What the window shows, as plain values: no widgets."""
