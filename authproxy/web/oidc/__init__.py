"""OpenID Connect as clients of the Universal Prompt speak it: ``/oauth/v1``."""
