// WebSocket frames as ssh needs them: what a client sends is taken apart in the pieces that come, and nothing is copied
// or kept until a message is whole. Masks of zero, which our own client uses, cost nothing.
'use strict';

const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
const DEFINED = new Set([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG]);
const MAX_CONTROL = 125;
const LONGEST_HEAD = 14;

class FrameError extends Error {}

// `onPayload` gets pieces of the messages, `onControl` the opcode and the payload of each control frame.
class FrameReader {
  #head = Buffer.alloc(LONGEST_HEAD);
  #have = 0;
  #opcode = CONTINUATION;
  #left = 0;
  #mask = [0, 0, 0, 0];
  #at = 0; // how much of the frame has come
  #control = [];

  constructor({ onPayload, onControl }) {
    this.onPayload = onPayload;
    this.onControl = onControl;
  }

  // Throws FrameError. The chunk is the reader's from now on.
  feed(chunk) {
    let position = 0;
    while (position < chunk.length) {
      if (this.#left === 0) {
        position = this.#takeHead(chunk, position);
      } else {
        const end = Math.min(chunk.length, position + this.#left);
        this.#take(chunk.subarray(position, end));
        position = end;
      }
      if (this.#opcode >= CLOSE && this.#left === 0 && this.#have === 0) this.#endControl();
    }
  }

  #take(piece) {
    const mask = this.#mask;
    if (mask[0] | mask[1] | mask[2] | mask[3]) {
      for (let index = 0; index < piece.length; index += 1) piece[index] ^= mask[(this.#at + index) & 3];
    }
    this.#at += piece.length;
    this.#left -= piece.length;
    if (this.#opcode >= CLOSE) this.#control.push(Buffer.from(piece));
    else this.onPayload(piece);
  }

  #takeHead(chunk, position) {
    while (position < chunk.length) {
      this.#head[this.#have] = chunk[position];
      this.#have += 1;
      position += 1;
      if (this.#have >= 2 && this.#have === headLength(this.#head)) {
        this.#begin();
        break;
      }
    }
    return position;
  }

  #begin() {
    const [first, second] = this.#head;
    const length = second & 0x7f;
    const opcode = first & 0x0f;
    if (first & 0x70 || !DEFINED.has(opcode) || !(second & 0x80) || (opcode >= CLOSE && length > MAX_CONTROL)) {
      throw new FrameError(`no frame of a client begins with ${first.toString(16)} ${second.toString(16)}`);
    }
    if (length <= MAX_CONTROL) this.#left = length;
    else this.#left = length === 126 ? this.#head.readUInt16BE(2) : Number(this.#head.readBigUInt64BE(2));
    this.#mask = [...this.#head.subarray(this.#have - 4, this.#have)];
    this.#opcode = opcode;
    this.#at = 0;
    this.#have = 0;
  }

  #endControl() {
    const payload = Buffer.concat(this.#control);
    const opcode = this.#opcode;
    this.#control = [];
    this.#opcode = CONTINUATION;
    this.onControl(opcode, payload);
  }
}

function headLength(head) {
  return 2 + ({ 126: 2, 127: 8 }[head[1] & 0x7f] ?? 0) + (head[1] & 0x80 ? 4 : 0);
}

// What stands before a payload of so many bytes that a server sends.
function makeHead(opcode, size) {
  if (size <= MAX_CONTROL) return Buffer.from([0x80 | opcode, size]);
  const head = Buffer.allocUnsafe(size < 65536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (size < 65536) {
    head[1] = 126;
    head.writeUInt16BE(size, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(size), 2);
  }
  return head;
}

module.exports = { BINARY, CLOSE, PING, PONG, FrameError, FrameReader, makeHead };
