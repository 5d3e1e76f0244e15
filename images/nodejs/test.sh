#!/bin/sh
# Runs inside of a started environment (../test.sh).
set -u
# shellcheck source=images/lib/inside.sh
. /test/lib/inside.sh
mkdir -p "$HOME/n/tool" && cd "$HOME/n" || exit 1
printf 'const f = async (x) => `hello ${await x}`;\nf("你好").then(console.log);\n' > hello.js
printf 'const name: string = "typed";\nconsole.log(name);\n' > hello.ts
printf '{"name": "tool", "version": "1.0.0", "bin": {"smoke-tool": "tool.js"}, "scripts": {"say": "node tool.js"}}\n' > tool/package.json
printf '#!/usr/bin/env node\nconsole.log("from the tool");\n' > tool/tool.js

check 'node runs a program' prints 'hello 你好' node hello.js
check 'node runs TypeScript' prints typed node hello.ts
check "npm runs a package's script" prints 'from the tool' npm --prefix tool run say
check 'npm installs a command into the home' prints 'from the tool' sh -c 'npm install --silent --global ./tool && command -v smoke-tool | grep -q "^$HOME/.local/bin/" && smoke-tool'
check 'npx runs' npx --version
check 'pnpm is version 11' prints 11. pnpm --version
check 'pnpm installs and runs a script' prints 'from the tool' sh -c 'cd tool && pnpm install --offline --silent && pnpm run say'
