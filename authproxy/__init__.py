"""authproxy: multi-factor authentication between network appliances and a directory."""

__version__ = "0.1.0"
