// ssh into the environment: each WebSocket at /devworkspace/ssh has an sshd of its own at its end, as the user who runs the editor.
//
// Nothing listens for ssh. The gateway decides who comes here and sends the environment's credential, which code-server checks
// as it does for its own sockets. The key that sshd asks for comes with the same request and is good for this connection only.
'use strict';

const { execFile, spawn } = require('child_process');
const crypto = require('crypto');
const fs = require('fs/promises');
const path = require('path');
const { promisify } = require('util');
const { BINARY, CLOSE, PING, PONG, FrameReader, makeHead } = require('./frames');
const { ensureAuthenticated } = require('./out/node/http');
const { Router } = require('./out/node/wsRouter');

const PROTOCOL = 'ssh.devworkspace.kubesphere.io';
const KEY_HEADER = 'x-devworkspace-ssh-key';
// Nothing behind the key: options there would be orders to sshd.
const KEY = /^ssh-ed25519 [A-Za-z0-9+/]{68}$/;
const SSHD = '/usr/sbin/sshd';
const FOLDER = '/tmp/devworkspace-ssh';
// So many bytes in a period are somebody's files, and not the log that an idle terminal shows.
const PERIOD = 20000; // ms
const TRANSFER = 1 << 20;
const TRANSFER_NOTE = '/tmp/devworkspace-activity/transfer';
// What sshd sets itself, and what is about the editor.
const NOT_PASSED =
  /^((HASHED_)?PASSWORD|(CODE_SERVER|CS|DEVWORKSPACE|SSH)_.*|VSCODE_(?!PROXY_URI$).*|HOME|USER|LOGNAME|SHELL|MAIL|TERM|PWD|OLDPWD|SHLVL|_)$/;
const MAX_VALUE = 4096;

// So much may wait for sshd, or for the gateway, before the other side is read no further.
const MAX_WAITING = 1 << 18;
const CLOSING = 10000; // ms
const NORMAL = 1000;
const FAILED = 1011;
const WEBSOCKET_KEY = /^[+/0-9A-Za-z]{22}==$/;
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

// The same for the life of the container, and no other container's.
async function findHostKey() {
  const file = path.join(FOLDER, 'host_key');
  if (await fs.stat(file).catch(() => null)) return file;
  await fs.mkdir(FOLDER, { recursive: true, mode: 0o700 });
  const made = path.join(FOLDER, `new-${crypto.randomUUID()}`);
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', made]);
  await fs.rename(made, file);
  await fs.rm(`${made}.pub`);
  return file;
}

async function writeKey(key) {
  const file = path.join(FOLDER, `key-${crypto.randomUUID()}`);
  await fs.writeFile(file, `${key}\n`, { mode: 0o600 });
  return file;
}

// The container's own variables, as a terminal of the editor has them.
function passedVariables() {
  const quoted = (text) => `"${text.replace(/[\\"]/g, '\\$&')}"`;
  return Object.entries(process.env)
    .filter(([name, value]) => /^[A-Za-z_]\w*$/.test(name) && !NOT_PASSED.test(name) && value.length <= MAX_VALUE)
    .filter(([, value]) => !/[\0-\x1f\x7f]/.test(value))
    .map(([name, value]) => quoted(`${name}=${value}`));
}

function sshdArguments(hostKey, userKey) {
  const variables = passedVariables();
  const options = {
    HostKey: hostKey,
    AuthorizedKeysFile: userKey,
    AuthenticationMethods: 'publickey',
    UsePAM: 'no',
    // A volume's root belongs to root and is writable for the group, which sshd takes for an attack.
    StrictModes: 'no',
    PidFile: 'none',
    PrintMotd: 'no',
    PrintLastLog: 'no',
    Subsystem: 'sftp internal-sftp',
    LogLevel: 'ERROR',
    ClientAliveInterval: '60',
    ...(variables.length > 0 && { SetEnv: variables.join(' ') }),
  };
  return ['-i', '-e', '-f', '/dev/null', ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
}

// A long copy is work, also without a terminal (docs/ACTIVITY.md).
function noteTransfers(socket) {
  let before = 0;
  const timer = setInterval(() => {
    const moved = socket.bytesRead + socket.bytesWritten;
    if (moved - before >= TRANSFER) fs.writeFile(TRANSFER_NOTE, '\n').catch(() => {});
    before = moved;
  }, PERIOD);
  socket.once('close', () => clearInterval(timer));
}

function startSshd(hostKey, userKey) {
  const sshd = spawn(SSHD, sshdArguments(hostKey, userKey), {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH },
    cwd: '/',
  });
  sshd.once('close', () => fs.rm(userKey, { force: true }).catch(() => {}));
  return sshd;
}

function send(socket, opcode, payload) {
  socket.cork();
  socket.write(makeHead(opcode, payload.length));
  socket.write(payload);
  socket.uncork();
}

function close(socket, code, reason = '') {
  if (socket.writableEnded) return;
  const payload = Buffer.from(`\0\0${reason}`);
  payload.writeUInt16BE(code);
  send(socket, CLOSE, payload);
  socket.end();
  // Its answer is of no interest, but the end of the connection comes behind it.
  socket.resume();
  socket.setTimeout(CLOSING, () => socket.destroy());
}

// Not by the package `ws`, which keeps each message until it is whole: of a copy's way that was the slowest part.
function connect(socket, sshd) {
  const reader = new FrameReader({
    onPayload: (piece) => {
      if (sshd.stdin.writable) sshd.stdin.write(piece);
      if (sshd.stdin.writableLength > MAX_WAITING) socket.pause();
    },
    onControl: (opcode, payload) => {
      if (opcode === PING) send(socket, PONG, payload);
      if (opcode === CLOSE) close(socket, NORMAL);
    },
  });
  socket.on('data', (chunk) => {
    try {
      reader.feed(chunk);
    } catch {
      socket.destroy();
    }
  });
  sshd.stdin.on('drain', () => socket.resume());
  sshd.stdout.on('data', (chunk) => {
    if (socket.writableEnded) return;
    send(socket, BINARY, chunk);
    if (socket.writableLength > MAX_WAITING) sshd.stdout.pause();
  });
  socket.on('drain', () => sshd.stdout.resume());
  // What breaks closes as well, and that is what counts.
  for (const end of [socket, sshd.stdin, sshd.stdout]) end.on('error', () => {});
  sshd.stdout.once('end', () => close(socket, NORMAL));
  sshd.once('error', (error) => {
    console.error(`devworkspace ssh: ${error.message}`);
    close(socket, FAILED, 'sshd does not start');
  });
  socket.once('end', () => socket.end());
  socket.once('close', () => {
    sshd.stdin.end();
    sshd.stdout.destroy();
  });
}

function refuse(socket, status) {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function accept(socket, key) {
  const answer = crypto.createHash('sha1').update(key + GUID).digest('base64');
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      `Sec-WebSocket-Accept: ${answer}\r\nSec-WebSocket-Protocol: ${PROTOCOL}\r\n\r\n`,
  );
}

function isHandshake({ headers }) {
  const offered = (headers['sec-websocket-protocol'] || '').split(',').map((part) => part.trim());
  return (
    offered.includes(PROTOCOL) &&
    headers['sec-websocket-version'] === '13' &&
    WEBSOCKET_KEY.test(headers['sec-websocket-key'] || '') &&
    KEY.test(headers[KEY_HEADER] || '')
  );
}

async function serve(request) {
  const socket = request.ws;
  if (!isHandshake(request)) return refuse(socket, '400 Bad Request');
  const hostKey = await findHostKey();
  const userKey = await writeKey(request.headers[KEY_HEADER]);
  if (socket.destroyed) return fs.rm(userKey, { force: true });
  socket.setTimeout(0);
  socket.setNoDelay();
  accept(socket, request.headers['sec-websocket-key']);
  noteTransfers(socket);
  if (request.head.length > 0) socket.unshift(request.head);
  connect(socket, startSshd(hostKey, userKey));
  return socket.resume();
}

exports.wsRouter = Router();
exports.wsRouter.ws('/', ensureAuthenticated, serve);
