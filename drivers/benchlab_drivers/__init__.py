"""Instrument drivers: each module of this package is one driver; its folders hold the rest."""
