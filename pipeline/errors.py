"""The one error that the configuration raises."""


class ConfigError(ValueError):
    """The configuration cannot be used; each line of the message is one sentence that names one variable."""
