// Keeps everybody out of an editor that was started before it was anybody's, until it is told whose it is.
//
// Loaded into the editor's own process (node --require, devworkspace-start-unclaimed). It is told in one of two ways, as JSON:
//   by the file $DEVWORKSPACE_CLAIM, empty at first, which the kubelet fills when it comes to it; it holds no secret
//     credential   SHA-256 of the one credential that is let in, hexadecimal
//   by the header X-DevWorkspace-Opening of a request, so that nobody waits for the kubelet: the credential is this request's
//     opening      what has the SHA-256 at the end of $DEVWORKSPACE_LOCK; only the installation can make it
// and in both of them where the environment's addresses are:
//   proxyUri     that of its ports, as VSCODE_PROXY_URI
//   basePath     or the path that stands before its own, as --abs-proxy-base-path
// Everything but the health check is refused until then, and afterwards everything without the credential.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');

const COOKIE = 'code-server-session';
const FILE = process.env.DEVWORKSPACE_CLAIM;
const LOCK = (process.env.DEVWORKSPACE_LOCK || '').split('.').pop();
const OPENING = 'x-devworkspace-opening';
// Who comes in the moment in which the file is on its way waits for it; so many at once.
const PATIENCE = 3000; // ms
const LOOK = 10; // ms
const WAITING_AT_MOST = 64;
const WARM_UP = 500; // ms; the editor adds its pages after it listens
const GATED = new Set(['request', 'checkContinue', 'checkExpectation', 'upgrade', 'connect']);

let digest = null; // of the credential, once there is one
let basePath = null; // until the editor has been told
let waiting = 0;

const hash = (text) => crypto.createHash('sha256').update(text).digest();
const isHash = (text) => typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);

function open(claim, credential) {
  if (typeof claim.proxyUri === 'string') process.env.VSCODE_PROXY_URI = claim.proxyUri;
  if (typeof claim.basePath === 'string') basePath = claim.basePath;
  digest = credential;
}

function readClaim() {
  try {
    const claim = JSON.parse(fs.readFileSync(FILE, 'utf8'));
    if (isHash(claim.credential)) open(claim, Buffer.from(claim.credential, 'hex'));
  } catch {
    // Empty, or not there: nobody's yet.
  }
}

// The header is for the gate alone: nothing behind it gets it.
function readOpening(request) {
  const told = request.headers[OPENING];
  delete request.headers[OPENING];
  const credential = presented(request);
  if (digest !== null || told === undefined || !credential || !isHash(LOCK)) return;
  try {
    const claim = JSON.parse(told);
    if (crypto.timingSafeEqual(hash(claim.opening), Buffer.from(LOCK, 'hex'))) open(claim, hash(credential));
  } catch {
    // Not the gateway's: no JSON, or no text.
  }
}

// The editor reads its arguments once, and hands them to its pages with each request: there they can still be changed.
function tellBasePath(request) {
  if (basePath === null) return;
  const path = basePath;
  Object.defineProperty(request, 'args', {
    configurable: true,
    set(args) {
      args['abs-proxy-base-path'] = path;
      basePath = null;
      Object.defineProperty(request, 'args', { value: args, writable: true });
    },
  });
}

function presented(request) {
  const cookies = (request.headers.cookie || '').split(';').map((part) => part.trim());
  const found = cookies.find((cookie) => cookie.startsWith(`${COOKIE}=`));
  return found === undefined ? null : found.slice(COOKIE.length + 1);
}

// The editor loads most of itself at the first page. It is asked for one in advance, by a word that only this process has.
const WORD = crypto.randomBytes(32).toString('hex');
const isFromGate = (request) => request.headers['x-devworkspace-gate'] === WORD;
function warmUp(port) {
  const headers = { 'X-DevWorkspace-Gate': WORD };
  const options = { host: '127.0.0.1', port, path: `/?folder=${process.env.HOME || '/'}`, headers, agent: false };
  http.get(options, (response) => response.resume()).on('error', (error) => {
    console.error(`devworkspace gate: the first page will be slow, ${error.message}`);
  });
}

function isAdmitted(request) {
  if (isFromGate(request)) return true;
  const credential = presented(request);
  if (credential === null || digest === null) return false;
  return crypto.timingSafeEqual(hash(credential), digest);
}

// Programs in the environment reach the editor by a socket in the file system, and nobody else does.
const isFileSocket = (server) => typeof server.address() === 'string';
const isHealthCheck = (event, request) =>
  event === 'request' && request.method === 'GET' && request.url.split('?')[0] === '/healthz';

function refuse(event, request, answer) {
  if (event === 'upgrade' || event === 'connect') {
    answer.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  } else {
    answer.writeHead(401, { 'Content-Type': 'text/plain', Connection: 'close' });
    answer.end('Nobody, or somebody else, has this environment.\n');
  }
}

// Calls back with whether it may pass: at once, unless the claim may be on its way.
function decide(request, then) {
  readOpening(request);
  if (digest === null) readClaim();
  if (digest !== null || presented(request) === null || waiting >= WAITING_AT_MOST) return then(isAdmitted(request));
  waiting += 1;
  const ignore = () => {};
  request.socket.on('error', ignore);
  const until = Date.now() + PATIENCE;
  const timer = setInterval(() => {
    readClaim();
    if (digest === null && Date.now() < until && !request.socket.destroyed) return;
    clearInterval(timer);
    waiting -= 1;
    then(isAdmitted(request));
    request.socket.off('error', ignore);
  }, LOOK);
  return undefined;
}

if (!FILE) {
  console.error('devworkspace gate: DEVWORKSPACE_CLAIM is not set; the editor is not started.');
  process.exit(78);
}
// What the editor starts must not get it: extensions have servers of their own. Its parent hands it on, once.
if (process.env.CODE_SERVER_PARENT_PID) {
  const at = process.execArgv.indexOf('--require');
  if (at >= 0) process.execArgv.splice(at, 2);
}
const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function emitGated(event, ...args) {
  if (event === 'listening' && !isFileSocket(this)) setTimeout(warmUp, WARM_UP, this.address().port);
  if (!GATED.has(event)) return emit.call(this, event, ...args);
  const [request, answer] = args;
  if (isHealthCheck(event, request) || isFileSocket(this)) return emit.call(this, event, ...args);
  decide(request, (admitted) => {
    if (!admitted) return refuse(event, request, answer);
    tellBasePath(request);
    return emit.call(this, event, ...args);
  });
  return true;
};
