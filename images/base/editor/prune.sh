#!/bin/sh
# Removes from an installed code-server what this platform or this product never runs, and says what it saved.
# Usage: prune.sh <folder of the npm package code-server> <folder of its hoisted node_modules>
set -eu

package=$1
hoisted=$2
vscode=$package/lib/vscode
arch=$(node -p process.arch)

keep_only() { # folder, name to keep: platform folders side by side
    [ -d "$1/$2" ] || { echo "prune: $1 has no $2; the package's layout changed" >&2; exit 1; }
    find "$1" -mindepth 1 -maxdepth 1 ! -name "$2" -exec rm -rf {} +
}

before=$(du -sm "$hoisted" | cut -f1)

# Binaries of other platforms.
keep_only "$hoisted/argon2/prebuilds" "linux-$arch"
keep_only "$vscode/node_modules/node-pty/prebuilds" "linux-$arch"
keep_only "$vscode/node_modules/@vscode/ripgrep-universal/bin" "linux-$arch"
rm -rf "$vscode"/node_modules/node-pty/third_party "$vscode"/node_modules/@parcel/watcher-linux-*-musl \
    "$vscode"/node_modules/@vscode/windows-*

# GitHub Copilot: 200 MB that need an account and a service outside of the cluster. The agent's sandbox and its
# database go with it; nothing else in the server loads them.
rm -rf "$vscode"/extensions/copilot "$vscode"/node_modules/@github/copilot-sdk* \
    "$vscode"/node_modules/@microsoft/mxc-sdk/bin "$vscode"/node_modules/@vscode/sqlite3

# What only a compiler or a debugger of the editor itself reads.
find "$hoisted" -type f \( -name '*.map' -o -name '*.pdb' \) -delete
find "$hoisted" -type d -path '*/build/Release/*' \( -name obj.target -o -name .deps \) -prune -exec rm -rf {} +
rm -rf "$vscode"/node_modules/kerberos/src "$vscode"/node_modules/@vscode/spdlog/deps

echo "prune: $before MB -> $(du -sm "$hoisted" | cut -f1) MB"
