"""What runs around the service: reload, restart, and what systemd and administrators are told."""
