"""Readers of foreign files, one module a format."""
