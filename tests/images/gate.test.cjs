// The gate before the editor of an environment that is nobody's yet, in a process of its own as in the image: a server that
// lets everybody in, as code-server does there, with the gate loaded before it.
'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { after, before, beforeEach, test } = require('node:test');

const GATE = path.join(__dirname, '../../images/base/rootfs/usr/local/lib/devworkspace/gate.js');
const CREDENTIAL = 'c0ffee'.repeat(10);
const DIGEST = crypto.createHash('sha256').update(CREDENTIAL).digest('hex');
const OPENING = 'open-sesame';
const LOCK = `key.nonce.${crypto.createHash('sha256').update(OPENING).digest('hex')}`;
const OPEN_SERVER = `
const http = require('http');
let pages = 0;
const args = {};
const server = http.createServer((request, response) => {
  pages += request.url.startsWith('/?folder=');
  request.args = args;
  const basePath = request.args['abs-proxy-base-path'] ?? null;
  const seen = Object.keys(request.headers);
  let body = '';
  request.on('data', (part) => (body += part));
  request.on('end', () => response.end(JSON.stringify({ url: request.url, body, pages, basePath, seen, proxyUri: process.env.VSCODE_PROXY_URI ?? null })));
});
server.on('upgrade', (request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\\r\\n\\r\\nopen'));
server.listen(0, '127.0.0.1', () => http.createServer((_, response) => response.end('inside')).listen(process.argv[2], () =>
  process.send({ port: server.address().port, execArgv: process.execArgv })));
`;

let folder, claim, child, port, execArgv, socket;

async function start() {
  claim = path.join(folder, 'claim');
  socket = path.join(folder, `inside-${Date.now()}`);
  fs.writeFileSync(claim, '');
  const program = path.join(folder, 'server.js');
  fs.writeFileSync(program, OPEN_SERVER);
  child = spawn(process.execPath, ['--require', GATE, program, socket], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { PATH: process.env.PATH, DEVWORKSPACE_CLAIM: claim, DEVWORKSPACE_LOCK: LOCK, CODE_SERVER_PARENT_PID: String(process.pid) },
  });
  ({ port, execArgv } = await new Promise((resolve) => child.once('message', resolve)));
}

function stop() {
  child.kill('SIGKILL');
}

// As the kubelet does: the file appears as a whole.
function take(text = JSON.stringify({ credential: DIGEST, proxyUri: 'https://{{port}}--demo--team.example.com' })) {
  fs.writeFileSync(`${claim}.new`, text);
  fs.renameSync(`${claim}.new`, claim);
}

function ask(url, { cookie, method = 'GET', body, headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', path: url, method, agent: false, headers };
    if (cookie !== undefined) options.headers.Cookie = cookie;
    const request = http.request(options, (response) => {
      let text = '';
      response.on('data', (part) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    request.on('upgrade', (response, connection) => {
      connection.destroy();
      resolve({ status: response.statusCode, text: '' });
    });
    request.on('error', reject);
    request.end(body);
  });
}

const withCredential = `other=1; code-server-session=${CREDENTIAL}`;
const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket' };

before(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gate-'))));
after(() => fs.rmSync(folder, { recursive: true }));
beforeEach(async () => {
  if (child) stop();
  await start();
});
after(stop);

test('nobody gets in before it is taken, and it is healthy', async () => {
  assert.strictEqual((await ask('/healthz')).status, 200);
  for (const url of ['/', '/healthz/../', '/healthzx', '/login', '/%68ealthz']) {
    assert.strictEqual((await ask(url)).status, 401, url);
  }
  assert.strictEqual((await ask('/healthz', { method: 'POST' })).status, 401);
  assert.strictEqual((await ask('/', { headers: { ...upgrade } })).status, 401);
  assert.strictEqual((await ask('/healthz', { headers: { ...upgrade } })).status, 401);
  assert.strictEqual((await ask('/', { headers: { Expect: '100-continue' }, method: 'POST' })).status, 401);
});

test('once it is taken its credential gets in, and no other', async () => {
  take();
  assert.strictEqual((await ask('/', { cookie: withCredential })).status, 200);
  assert.strictEqual((await ask('/', { cookie: withCredential, headers: { ...upgrade } })).status, 101);
  for (const cookie of [undefined, '', 'code-server-session=', `code-server-session=${DIGEST}`, `x${withCredential.slice(9)}`]) {
    assert.strictEqual((await ask('/', { cookie })).status, 401, String(cookie));
    assert.strictEqual((await ask('/', { cookie, headers: { ...upgrade } })).status, 401, String(cookie));
  }
  assert.strictEqual((await ask('/healthz')).status, 200);
});

test('who comes while the claim is on its way waits for it, body and all', async () => {
  const early = ask('/save', { cookie: withCredential, method: 'POST', body: 'text' });
  const socketEarly = ask('/', { cookie: withCredential, headers: { ...upgrade } });
  const stranger = ask('/', { cookie: 'code-server-session=guess' });
  setTimeout(take, 200);
  const { status, text } = await early;
  assert.strictEqual(status, 200);
  assert.strictEqual(JSON.parse(text).body, 'text');
  assert.strictEqual((await socketEarly).status, 101);
  assert.strictEqual((await stranger).status, 401);
});

test('the address of its ports comes with the claim', async () => {
  take();
  const { text } = await ask('/', { cookie: withCredential });
  assert.strictEqual(JSON.parse(text).proxyUri, 'https://{{port}}--demo--team.example.com');
});

// As the gateway says it.
const word = (claim, headers = {}) => ({ 'X-DevWorkspace-Opening': JSON.stringify(claim), ...headers });

test('the word of the gateway opens it at once, for the credential that comes with it', async () => {
  const { status, text } = await ask('/', { cookie: withCredential, headers: word({ opening: OPENING, proxyUri: 'https://{{port}}--demo' }) });
  assert.strictEqual(status, 200);
  assert.strictEqual(JSON.parse(text).proxyUri, 'https://{{port}}--demo');
  assert.strictEqual((await ask('/', { cookie: withCredential })).status, 200);
  assert.strictEqual((await ask('/', { cookie: 'code-server-session=guess' })).status, 401);
});

test('so does a socket that comes first', async () => {
  assert.strictEqual((await ask('/', { cookie: withCredential, headers: word({ opening: OPENING }, upgrade) })).status, 101);
});

test('nothing else is that word, and a word without credential opens for nobody', async () => {
  const hash = LOCK.split('.').pop();
  const words = ['x', '', null, 1, [OPENING], hash, LOCK].map((opening) => word({ opening }));
  const all = [...words, word(null), word([]), { 'X-DevWorkspace-Opening': OPENING }];
  const asked = all.map((headers) => ask('/', { cookie: withCredential, headers }));
  for (const { status } of await Promise.all(asked)) assert.strictEqual(status, 401);
  assert.strictEqual((await ask('/', { headers: word({ opening: OPENING }) })).status, 401);
  assert.strictEqual((await ask('/', { cookie: withCredential, headers: word({ opening: OPENING }) })).status, 200);
});

test('the word opens once, and nothing behind the gate sees it', async () => {
  await ask('/', { cookie: withCredential, headers: word({ opening: OPENING }) });
  const second = await ask('/', { cookie: 'code-server-session=other', headers: word({ opening: OPENING }) });
  assert.strictEqual(second.status, 401);
  const { text } = await ask('/', { cookie: withCredential, headers: word({ opening: OPENING, proxyUri: 'https://elsewhere' }) });
  assert.deepStrictEqual(JSON.parse(text).seen.filter((name) => name.includes('opening')), []);
  assert.strictEqual(JSON.parse(text).proxyUri, null);
});

test('in path mode the editor learns its path, from the word as from the file', async () => {
  await ask('/', { cookie: withCredential, headers: word({ opening: OPENING, basePath: '/w/team/demo' }) });
  const basePath = async () => JSON.parse((await ask('/', { cookie: withCredential })).text).basePath;
  assert.strictEqual(await basePath(), '/w/team/demo');
  stop();
  await start();
  take(JSON.stringify({ credential: DIGEST, basePath: '/w/team/other' }));
  assert.strictEqual(await basePath(), '/w/team/other');
  assert.strictEqual(await basePath(), '/w/team/other');
});

test('a claim that is no claim opens nothing', async () => {
  for (const text of ['{}', '[]', 'null', '{"credential": ""}', '{"credential": "*"}', `{"credential": ["${DIGEST}"]}x`]) {
    take(text);
    const asked = ask('/', { cookie: 'code-server-session=' });
    assert.strictEqual((await asked).status, 401, text);
  }
});

test('it is given away once', async () => {
  take();
  assert.strictEqual((await ask('/', { cookie: withCredential })).status, 200);
  const other = 'other'.repeat(12);
  take(JSON.stringify({ credential: crypto.createHash('sha256').update(other).digest('hex') }));
  assert.strictEqual((await ask('/', { cookie: `code-server-session=${other}` })).status, 401);
  assert.strictEqual((await ask('/', { cookie: withCredential })).status, 200);
});

test('who comes from inside, by a socket in the file system, passes', async () => {
  const status = await new Promise((resolve, reject) => {
    http.get({ socketPath: socket, path: '/' }, (response) => resolve(response.statusCode)).on('error', reject);
  });
  assert.strictEqual(status, 200);
});

test('it asks for the first page by itself, and nobody else does so in its name', async () => {
  const guessed = { 'X-DevWorkspace-Gate': '0'.repeat(64) };
  assert.strictEqual((await ask('/?folder=/', { headers: guessed })).status, 401);
  take();
  const pages = async () => JSON.parse((await ask('/', { cookie: withCredential })).text).pages;
  while ((await pages()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.strictEqual(await pages(), 1);
});

test('what the editor starts does not get the gate', () => assert.deepStrictEqual(execArgv, []));

test('without the name of the file nothing is started', async () => {
  const program = spawn(process.execPath, ['--require', GATE, '-e', '1'], { stdio: 'ignore', env: { PATH: process.env.PATH } });
  const code = await new Promise((resolve) => program.once('exit', resolve));
  assert.strictEqual(code, 78);
});
