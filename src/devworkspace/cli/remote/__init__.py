"""Into an environment from a person's own machine: ssh, its configuration, and ports."""
