"""Measurements on real processes: ``make bench``, or one of them with ``python -m bench.login``."""
