"""Noise: which files, at which ratio, and how speech and noise are put together."""
