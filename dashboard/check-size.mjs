// Fails when the scripts that the list needs are larger than the budget of design: what a first visit waits for.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET = 300_000;

const folder = process.argv[2] ?? "dist";
const page = readFileSync(join(folder, "index.html"), "utf8");
const scripts = [...page.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g)].map((match) => match[1]);
const total = scripts.reduce((sum, script) => sum + gzipSync(readFileSync(join(folder, script))).length, 0);
process.stderr.write(`scripts of the list: ${(total / 1000).toFixed(1)} kB gzip, at most ${BUDGET / 1000}\n`);
process.exit(scripts.length > 0 && total <= BUDGET ? 0 : 1);
