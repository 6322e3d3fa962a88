"""Colours and glyphs, in one place."""
