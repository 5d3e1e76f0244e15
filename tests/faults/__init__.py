"""The fault harness: the real operator, a real API server, and a proxy between them that misbehaves by plan."""
