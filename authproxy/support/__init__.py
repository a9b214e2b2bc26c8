"""What support staff need: reaching every peer, the bundle, the temporary password-only mode, the live view."""
