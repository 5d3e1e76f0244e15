// Sends the largest files of the editor's page as they were compressed when the image was built.
//
// code-server compresses every answer anew: half a second of processor time for the first page of each environment, and
// a weaker compression than there is time for at a build. This takes the place of its `compression` (store-encodings.js)
// and leaves every decision to the editor: only the body of an answer that is already on its way with status 200 is
// exchanged for the same file's stored form.
'use strict';

const accepts = require('accepts');
const compression = require('compression');
const fs = require('fs');
const path = require('path');
const { Writable } = require('stream');

const ROOT = path.join(__dirname, 'lib/vscode');
// What every first page asks for.
const FILES = [
  'out/nls.messages.js',
  'out/vs/code/browser/workbench/workbench.css',
  'out/vs/code/browser/workbench/workbench.js',
];
const STORED = new Map(FILES.map((file) => [file, path.join(ROOT, `${file}.br`)]));
const ADDRESS = /\/[a-z]+-[0-9a-f]{40}\/static\/([\w./-]+)(?:\?|$)/;

function findStored(request) {
  const found = request.method === 'GET' && STORED.get(ADDRESS.exec(request.originalUrl)?.[1]);
  return found && accepts(request).encodings().includes('br') ? found : undefined;
}

// The editor goes on piping the plain file into the answer; from its head on that goes nowhere.
function exchangeBody(response, stored) {
  const { writeHead, write, end } = response;
  response.vary('Accept-Encoding');
  response.writeHead = (status, ...rest) => {
    Object.assign(response, { writeHead });
    if (status === 200) {
      response.setHeader('Content-Encoding', 'br');
      Object.assign(response, { write: () => true, end: () => response });
      const out = new Writable({
        write: (chunk, _, done) => (write.call(response, chunk) ? done() : response.once('drain', done)),
        final: (done) => end.call(response, done),
      });
      const source = fs.createReadStream(stored).on('error', () => response.destroy());
      response.once('close', () => source.destroy());
      source.pipe(out);
    }
    return writeHead.call(response, status, ...rest);
  };
}

module.exports = () => {
  const onTheFly = compression();
  return (request, response, next) => {
    const stored = findStored(request);
    if (stored === undefined) return onTheFly(request, response, next);
    exchangeBody(response, stored);
    return next();
  };
};
module.exports.FILES = FILES;
