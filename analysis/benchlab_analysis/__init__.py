"""Analyses: pure functions from tables to tables, one module an analysis."""
