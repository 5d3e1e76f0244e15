"""The front door: sign-in, list and gateway in one process. `app` wires the rooms, which do not know each other."""
