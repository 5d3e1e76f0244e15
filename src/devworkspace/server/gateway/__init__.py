"""The data path to the editors: `<id>.<public host>`."""
