// What the editor's ssh takes apart and puts together (images/base/editor/frames.js).
'use strict';

const assert = require('node:assert');
const { test } = require('node:test');
const path = require('node:path');
const { BINARY, CLOSE, PING, FrameError, FrameReader, makeHead } = require(
  path.join(__dirname, '../../images/base/editor/frames.js'),
);

const SIZES = [0, 1, 125, 126, 65535, 65536, 200000];

function ofClient(opcode, payload, { mask = [0, 0, 0, 0], first = 0x80 | opcode } = {}) {
  const head = makeHead(opcode, payload.length);
  head[0] = first;
  head[1] |= 0x80;
  const masked = Buffer.from(payload.map((byte, index) => byte ^ mask[index & 3]));
  return Buffer.concat([head, Buffer.from(mask), masked]);
}

function bytes(size) {
  return Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * 7919) >> 3));
}

function read(data, step) {
  const pieces = [];
  const controls = [];
  const reader = new FrameReader({
    onPayload: (piece) => pieces.push(Buffer.from(piece)),
    onControl: (opcode, payload) => controls.push([opcode, payload.toString()]),
  });
  for (let at = 0; at < data.length; at += step) reader.feed(Buffer.from(data.subarray(at, at + step)));
  return { payload: Buffer.concat(pieces), controls };
}

for (const mask of [[0, 0, 0, 0], [1, 2, 3, 250]]) {
  for (const step of [1, 7, 65536]) {
    test(`payloads come out, mask ${mask}, ${step} bytes at a time`, () => {
      const sent = SIZES.map((size) => bytes(size));
      const { payload } = read(Buffer.concat(sent.map((part) => ofClient(BINARY, part, { mask }))), step);
      assert.ok(payload.equals(Buffer.concat(sent)));
    });
    test(`control frames come between them, mask ${mask}, ${step} bytes at a time`, () => {
      const parts = [
        ofClient(BINARY, bytes(10), { mask, first: BINARY }),
        ofClient(PING, Buffer.from('there?'), { mask }),
        ofClient(0, bytes(300), { mask }),
        ofClient(CLOSE, Buffer.alloc(0), { mask }),
      ];
      const { payload, controls } = read(Buffer.concat(parts), step);
      assert.ok(payload.equals(Buffer.concat([bytes(10), bytes(300)])));
      assert.deepStrictEqual(controls, [[PING, 'there?'], [CLOSE, '']]);
    });
  }
}

test('what no client sends is refused', () => {
  const wrong = {
    'without a mask': Buffer.from([0x82, 1, 120]),
    compressed: ofClient(BINARY, bytes(1), { first: 0xc2 }),
    undefined: ofClient(3, bytes(1)),
    'a ping too long': ofClient(PING, bytes(126)),
  };
  for (const [name, data] of Object.entries(wrong)) assert.throws(() => read(data, 65536), FrameError, name);
});

test('heads are as short as their length allows', () => {
  const length = (size) => makeHead(BINARY, size).length;
  assert.deepStrictEqual([0, 125, 126, 65535, 65536].map(length), [2, 2, 4, 4, 10]);
});
