"""The configuration: its variables, where their values come from, and the settings they become."""
