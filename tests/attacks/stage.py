"""Two people's environments in one browser, with programs of an attacker and of witnesses inside.

The attacker's page comes from a program in Alice's environment `one`. In `two`, which is hers too, and in Bob's, a
witness writes down every request and every socket that reaches it.
"""

import json
from dataclasses import dataclass

from playwright._impl._api_structures import SetCookieParam
from playwright.async_api import BrowserContext

from tests.attacks.scene import Person, Room, Scene

ATTACKER_PORT = 8700
WITNESS_PORT = 8701
# The service worker would answer everything below its scope; `/toss` tries to set cookies that are not its own.
_ATTACKER = r"""
import http.server, json
SCRIPT = b"self.addEventListener('fetch', e => e.respondWith(new Response('HIJACKED')));"
TOSSED = ["dw-session=tossed; Domain=%(domain)s; Path=/", "dw-session=tossed; Path=/", "dw-env=tossed; Path=/",
          "__Host-dw-session=tossed; Secure; Path=/", "dw-nonce=tossed; Domain=%(domain)s; Path=/",
          "code-server-session=tossed; Path=/", "theirs=fine; Path=/"]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        worker = self.path.startswith("/sw.js")
        self.send_header("Content-Type", "text/javascript" if worker else "text/html")
        self.send_header("Service-Worker-Allowed", "/")
        if self.path == "/toss":
            for cookie in TOSSED:
                self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(SCRIPT if worker else b"<!doctype html><title>attacker</title><h1>attacker</h1>")
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", %(port)d), Handler).serve_forever()
"""
_WITNESS = r"""
const fs = require('fs'), crypto = require('crypto'), http = require('http');
const note = r => fs.appendFileSync('/tmp/witness.log', JSON.stringify([r.method, r.url, r.headers]) + '\n');
const server = http.createServer((request, response) => {
  note(request);
  if (request.url === '/unread') return;
  request.resume();
  if (request.url === '/redirect')
    return response.writeHead(302, {Location: 'http://169.254.169.254/'}).end();
  if (request.url === '/endless') {
    const block = Buffer.alloc(65536), more = () => { while (response.write(block)); };
    response.on('drain', more); return more(); }
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><title>witness</title>secret of the witness');
});
server.on('upgrade', (request, socket) => {
  note(request);
  const key = crypto.createHash('sha1').update(
    request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    + 'Sec-WebSocket-Accept: ' + key + '\r\n\r\n');
});
server.listen(%(port)d, '127.0.0.1');
"""


@dataclass(frozen=True)
class Seen:
    """A request as a witness saw it."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Stage:
    """`attacker` is the origin of the attacker's page."""

    scene: Scene

    @property
    def attacker(self) -> str:
        return self.scene.one.port_origin(ATTACKER_PORT)

    @property
    def targets(self) -> dict[str, str]:
        """The origins that the attacker's page must get nothing from, and can do nothing to."""
        scene = self.scene
        return {
            "her other environment's port": scene.two.port_origin(WITNESS_PORT),
            "her other environment": scene.two.origin,
            "Bob's port": scene.bobs.port_origin(WITNESS_PORT),
            "Bob's environment": scene.bobs.origin,
            "the editor of the same environment": scene.one.origin,
            "the public host": scene.origin,
        }

    def seen(self, room: Room) -> list[Seen]:
        """What reached the witness in a room so far."""
        lines = self.scene.execute(room, "sh", "-c", "cat /tmp/witness.log 2>/dev/null || true").splitlines()
        return [Seen(*json.loads(line)) for line in lines]

    async def sign_in(self, context: BrowserContext) -> None:
        """Both people have been here: the browser holds a key for every environment, and Alice is signed in."""
        scene = self.scene
        ticket = scene.ticket(scene.alice)
        cookies = [self._cookie(scene.origin, f"{scene.cookies.session}={ticket.cookie}")]
        places: list[tuple[Room, Person]] = [
            (scene.one, scene.alice),
            (scene.two, scene.alice),
            (scene.bobs, scene.bob),
        ]
        for room, person in places:
            port = ATTACKER_PORT if room is scene.one else WITNESS_PORT
            for origin in (room.origin, room.port_origin(port)):
                cookies.append(self._cookie(origin, scene.key_of(room, person)))
        await context.add_cookies(cookies)

    def _cookie(self, origin: str, pair: str) -> SetCookieParam:
        name, _, value = pair.partition("=")
        secure = origin.startswith("https:")
        return {
            "url": f"{origin}/",
            "name": name,
            "value": value,
            "httpOnly": True,
            "secure": secure,
            "sameSite": "Lax",
        }


def start_programs(scene: Scene) -> None:
    """Starts attacker and witnesses, once for all tests."""
    domain = scene.host.partition(":")[0]
    scene.write(scene.one, "/tmp/attacker.py", _ATTACKER % {"domain": domain, "port": ATTACKER_PORT})
    scene.start(scene.one, "python3 /tmp/attacker.py")
    for room in (scene.two, scene.bobs):
        scene.write(room, "/tmp/witness.js", _WITNESS % {"port": WITNESS_PORT})
        scene.start(room, "node /tmp/witness.js")
    for room, port in ((scene.one, ATTACKER_PORT), (scene.two, WITNESS_PORT), (scene.bobs, WITNESS_PORT)):
        _wait_until_it_listens(scene, room, port)


def _wait_until_it_listens(scene: Scene, room: Room, port: int) -> None:
    knock = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
    scene.execute(room, "bash", "-c", f"for n in {{1..100}}; do ({knock}) 2>/dev/null && exit; sleep 0.1; done; exit 1")
