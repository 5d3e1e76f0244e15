"""The API of the product as frozen values: names, kinds, trimmed children. No behaviour, no I/O."""
