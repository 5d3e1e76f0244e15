"""nginx twice: as the upstream that answers, and as the proxy to beat, with an authorization request that it caches."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from bench.gateway.process import running

SMALL_BYTES: Final = 1024
MIB: Final = 1024 * 1024

_FRAME: Final = """
daemon off;
master_process off;
pid {directory}/pid;
error_log {directory}/error.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  {inside}
}}
"""
_UPSTREAM: Final = """
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    root {directory}/files;
    sendfile on;
    location /auth {{ return 204; }}
    # `return` would answer before the body has come; a proxied request is read first.
    location /upload {{
      client_body_buffer_size 2m;
      proxy_pass http://127.0.0.1:{port}/auth;
      proxy_method GET;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
    }}
  }}
"""
_PROXY_HEAD: Final = """
  proxy_cache_path {directory}/cache keys_zone=auth:1m;
  map $http_upgrade $connection_header {{ default upgrade; '' ''; }}
"""
# What nginx needs to carry an editor, and nothing more: verdicts from the cache for 5 s, bodies streamed, WebSocket.
_PROXY: Final = """
  upstream to_{port} {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      auth_request /auth-verdict;
      proxy_pass http://to_{port};
      proxy_http_version 1.1;
      proxy_set_header Connection $connection_header;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
      proxy_read_timeout 1h;
    }}
    location = /auth-verdict {{
      internal;
      proxy_pass http://127.0.0.1:{auth}/auth;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_cache auth;
      proxy_cache_key $http_cookie;
      proxy_cache_valid 204 5s;
    }}
  }}
"""


@contextlib.asynccontextmanager
async def running_upstream(directory: Path, *, port: int, core: int) -> AsyncIterator[int]:
    """Answers `/small` (1 KiB) and `/mib` from files, and `/upload` and `/auth` with 204."""
    files = directory / "files"
    files.mkdir(parents=True)
    (files / "small").write_bytes(b"x" * SMALL_BYTES)
    (files / "mib").write_bytes(b"x" * MIB)
    inside = _UPSTREAM.format(port=port, directory=directory)
    async with _running(directory, inside, port=port, core=core) as pid:
        yield pid


@contextlib.asynccontextmanager
async def running_proxy(directory: Path, *, ports: Mapping[int, int], auth: int, core: int) -> AsyncIterator[int]:
    """Proxies each port of `ports` to the upstream port beside it; `auth` answers the authorization requests."""
    directory.mkdir()
    servers = [_PROXY.format(port=port, upstream=upstream, auth=auth) for port, upstream in ports.items()]
    inside = "".join([_PROXY_HEAD.format(directory=directory), *servers])
    async with _running(directory, inside, port=next(iter(ports)), core=core) as pid:
        yield pid


@contextlib.asynccontextmanager
async def _running(directory: Path, inside: str, *, port: int, core: int) -> AsyncIterator[int]:
    configuration = directory / "nginx.conf"
    configuration.write_text(_FRAME.format(directory=directory, inside=inside))
    command: list[str | Path] = ["nginx", "-p", directory, "-e", directory / "start.log", "-c", configuration]
    async with running(command, core=core, port=port) as pid:
        yield pid
