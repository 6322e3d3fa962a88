"""Keeps the parts of a bench alive: starts them, looks whether they answer, starts them again."""
