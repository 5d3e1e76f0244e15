"""Settings -> the children of an environment, as bodies for server-side apply. One small module per kind."""
