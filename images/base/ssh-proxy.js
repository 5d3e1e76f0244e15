// ProxyCommand for test.sh: ssh's bytes over the editor's WebSocket, as the gateway brings them.
// Usage: node ssh-proxy.js <credential> <file with the public key, or a key> [<protocol>]
'use strict';

const fs = require('fs');
const { WebSocket, createWebSocketStream } = require('/usr/local/lib/code-server/node_modules/ws');

const [credential, key, protocol = 'ssh.devworkspace.kubesphere.io'] = process.argv.slice(2);
const webSocket = new WebSocket('ws://127.0.0.1:8080/devworkspace/ssh', [protocol], {
  headers: {
    Cookie: `code-server-session=${credential}`,
    'X-DevWorkspace-SSH-Key': fs.existsSync(key) ? fs.readFileSync(key, 'utf8').trim() : key,
  },
  perMessageDeflate: false,
});
webSocket.once('unexpected-response', (_, answer) => {
  console.error(`answered ${answer.statusCode}`);
  process.exit(1);
});
webSocket.once('error', (error) => console.error(error.message));
const stream = createWebSocketStream(webSocket);
stream.on('error', () => process.exit(1));
stream.pipe(process.stdout);
process.stdin.pipe(stream);
stream.once('end', () => process.exit(0));
