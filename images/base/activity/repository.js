// Tells in a window how the clone of the environment's repository ended, if that was after the window was opened, or if it
// failed: the folder is not there then, and nothing else in the editor says why.
'use strict';

const fs = require('fs');
const vscode = require('vscode');

// What is to be cloned; empty, or not there, in an environment without a repository.
const WANTED = '/etc/devworkspace/repository';
// What devworkspace-repository says of it.
const REPORT = '/tmp/devworkspace-activity/repository';
// That a window has told of a failure; the next one need not.
const TOLD = '/tmp/devworkspace-activity/repository.told';
const LOOK = 3; // seconds
// In a pod that was made in advance the window may be there before the kubelet has written what is to be cloned.
const PATIENCE = 20;

function read(name) {
  try {
    return JSON.parse(fs.readFileSync(name, 'utf8'));
  } catch {
    return null;
  }
}

function isFirstToTell() {
  try {
    fs.writeFileSync(TOLD, '', { flag: 'wx', mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}

async function tellCloned(folder, name) {
  const { commands, l10n, Uri, window, workspace } = vscode;
  if ((workspace.workspaceFolders || []).some((open) => open.uri.fsPath === folder)) return;
  const action = l10n.t('Open folder');
  if ((await window.showInformationMessage(l10n.t('Repository {0} has been cloned.', name), action)) === action) {
    commands.executeCommand('vscode.openFolder', Uri.file(folder), { forceReuseWindow: true });
  }
}

function tellFailed(name) {
  if (!isFirstToTell()) return;
  const { l10n, window } = vscode;
  const message =
    'Repository {0} could not be cloned. The environment works without it; its page in the dashboard says why.';
  window.showWarningMessage(l10n.t(message, name));
}

function watchClone(context) {
  let looks = 0;
  const timer = setInterval(() => {
    const wanted = read(WANTED);
    const report = read(REPORT);
    looks += 1;
    if (wanted === null ? looks >= PATIENCE : report !== null && report.state !== 'cloning') clearInterval(timer);
    if (wanted === null || report === null) return;
    if (report.state === 'failed') tellFailed(wanted.directory);
    // What was there at the first look has been opened, or has been left on purpose.
    if (report.state === 'cloned' && looks > 1) tellCloned(`${process.env.HOME}/${wanted.directory}`, wanted.directory);
  }, LOOK * 1000);
  context.subscriptions.push({ dispose: () => clearInterval(timer) });
}

module.exports = { watchClone };
