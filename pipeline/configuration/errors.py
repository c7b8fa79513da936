"""The errors that end a command before it does anything, by what its user has to do."""


class ConfigError(ValueError):
    """The configuration cannot be used; each line of the message is one sentence that names one variable."""


class ServiceError(ConfigError):
    """A service that the configuration names does not answer; if its name is right, the same may work later."""
