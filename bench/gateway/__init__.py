"""The gateway against nginx, a Starlette + httpx proxy, and no proxy at all."""
