"""Widgets: they show what a presenter says and pass on wishes; they compute nothing."""
