// Compresses the files that stored-encodings.js sends, and puts it in the place of code-server's `compression`.
// Usage: node store-encodings.js <folder of the npm package code-server>, with stored-encodings.js in that folder
'use strict';

const fs = require('fs');
const path = require('path');
const zlib = require('zlib');

const home = path.resolve(process.argv[2]);
const { FILES } = require(path.join(home, 'stored-encodings.js'));
// The steps above 9 take ten times as long for a twentieth less.
const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 9, [zlib.constants.BROTLI_PARAM_LGWIN]: 24 };

for (const file of FILES) {
  const name = path.join(home, 'lib/vscode', file);
  const plain = fs.readFileSync(name);
  const small = zlib.brotliCompressSync(plain, { params });
  fs.writeFileSync(`${name}.br`, small);
  console.log(`store-encodings: ${file} ${plain.length} -> ${small.length} bytes`);
}

const app = path.join(home, 'out/node/app.js');
const before = fs.readFileSync(app, 'utf8');
const after = before.replace('require("compression")', 'require("../../stored-encodings.js")');
if (after === before) throw new Error(`${app} does not load "compression" any more; look at its middleware again`);
fs.writeFileSync(app, after);
