"""``/status``: how the service is, for everybody; and ``/``, where to go from there."""
