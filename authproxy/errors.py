"""What can go wrong between rooms. Messages are written for the person who reads the log."""


class AuthproxyError(Exception):
    """Base of every error that authproxy raises on purpose; its text is one clear line."""


class ConfigError(AuthproxyError):
    """The configuration, or a file it names, can't be used."""


class SecretError(AuthproxyError):
    """A protected value can't be read: wrong key, no gpg, another host's value."""


class PrimaryUnavailable(AuthproxyError):
    """No directory or upstream RADIUS server gave an answer in time; nobody was judged."""


class SecondFactorUnavailable(AuthproxyError):
    """The second-factor service gave no answer in time; ``failmode`` decides."""


class StoreUnavailable(AuthproxyError):
    """The database could not read or durably write; nothing may be accepted on its account."""
