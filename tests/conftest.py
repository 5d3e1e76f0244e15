"""What holds for every test."""

from hypothesis import settings

# No test asserts a time: on a busy machine an example may take any.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
