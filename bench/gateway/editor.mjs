// A WebSocket echo on Node's http server: the runtime and the socket path of code-server, without its editor.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const server = createServer((request, response) => response.end("ok\n"));

server.on("upgrade", (request, socket) => {
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + GUID).digest("base64");
  socket.setNoDelay(true);
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  // Masked frames of less than 126 bytes, whole in each packet, as bench/gateway/sockets.py sends them.
  socket.on("data", (data) => {
    for (let at = 0; at < data.length; ) {
      const length = data[at + 1] & 0x7f;
      const answer = Buffer.allocUnsafe(2 + length);
      answer[0] = data[at];
      answer[1] = length;
      for (let i = 0; i < length; i++) answer[2 + i] = data[at + 6 + i] ^ data[at + 2 + (i & 3)];
      socket.write(answer);
      at += 6 + length;
    }
  });
  socket.on("error", () => socket.destroy());
});
server.listen(Number(process.argv[2]), "127.0.0.1", 1024);
