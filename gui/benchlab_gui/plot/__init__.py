"""Plots: the only package that touches the plot library."""
