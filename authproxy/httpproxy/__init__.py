"""A small HTTP proxy through which other software reaches one host, and nothing else."""
