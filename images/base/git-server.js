// A Git server for the tests, Git's own program behind HTTP: node git-server.js PORT FOLDER [ADDRESS]
//   /open/NAME.git for everybody, /login/NAME.git for ada:word only, /forbidden for nobody, /broken always fails.
'use strict';

const { execFileSync, spawn } = require('child_process');
const http = require('http');

const [port, root, address = '127.0.0.1'] = process.argv.slice(2);
const program = `${execFileSync('git', ['--exec-path']).toString().trim()}/git-http-backend`;
const ADA = `Basic ${Buffer.from('ada:word').toString('base64')}`;

function serve(request, response, path) {
  const { pathname, search } = path;
  const child = spawn(program, [], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] || '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] || '',
      GIT_PROTOCOL: request.headers['git-protocol'] || '',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => {});
  request.pipe(child.stdin);
  let head = Buffer.alloc(0);
  child.stdout.on('data', function collect(chunk) {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    child.stdout.off('data', collect);
    for (const line of head.subarray(0, end).toString().split('\r\n')) {
      const [name, value] = line.split(': ');
      if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
    child.stdout.pipe(response);
  });
}

function refuse(response, status, headers = {}) {
  response.writeHead(status, headers).end();
}

http
  .createServer((request, response) => {
    const path = new URL(request.url, 'http://localhost');
    const [, room, ...rest] = path.pathname.split('/');
    path.pathname = `/${rest.join('/')}`;
    if (room === 'open') return serve(request, response, path);
    if (room === 'forbidden') return refuse(response, 403);
    if (room === 'broken') return refuse(response, 500);
    if (room !== 'login') return refuse(response, 404);
    if (request.headers.authorization === ADA) return serve(request, response, path);
    return refuse(response, 401, { 'WWW-Authenticate': 'Basic realm="git"' });
  })
  .listen(Number(port), address);
