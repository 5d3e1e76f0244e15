// Notes when somebody works in this window: two numbers in a file, when this extension last ran and when it last saw
// work, both in seconds since 1970. devworkspace-activity makes the environment's report of the files of all windows.
// An open tab that nobody touches is no work: nothing here counts that goes on without a person.
'use strict';

const fs = require('fs');
const vscode = require('vscode');
const { watchClone } = require('./repository.js');

const FILE = `/tmp/devworkspace-activity/editor.${process.pid}`;
const PERIOD = 20; // seconds
// When the environment is stopped and why, "2026-11-25T18:40:00Z Idle": an annotation of the pod, seen as a file.
const STOPS = '/etc/devworkspace/stops';
const LOOK = 10; // seconds
const IN_USE = 120; // seconds
const SOON = 330; // seconds; people are warned five minutes before

const seconds = () => Math.floor(Date.now() / 1000);

let active = 0;
let told = 0; // the time of work that stands in the file

function write() {
  told = active;
  try {
    fs.writeFileSync(`${FILE}.new`, `${seconds()} ${active}\n`, { mode: 0o600 });
    fs.renameSync(`${FILE}.new`, FILE);
  } catch (error) {
    // Without the file the report says that this window is not seen, which never counts as unused.
    console.error(`devworkspace activity: cannot write ${FILE}: ${error.message}`);
  }
}

// Work after a pause is told at once: somebody has come back, perhaps just before the environment is to be stopped.
function note() {
  active = seconds();
  if (active - told >= PERIOD) write();
}

let warned = '';

function readStop() {
  try {
    return fs.readFileSync(STOPS, 'utf8').trim();
  } catch {
    return ''; // a pod of before there were warnings
  }
}

// Says once that the environment is about to stop. Answering is work like any other, which keeps an unused one running.
async function warn() {
  const text = readStop();
  const [at, reason] = text.split(' ');
  const left = Date.parse(at) / 1000 - seconds();
  const inUse = reason === 'Idle' && seconds() - active < IN_USE;
  if (text === warned || !(left > 0 && left <= SOON) || inUse) return;
  warned = text;
  const { l10n, window } = vscode;
  const minutes = Math.ceil(left / 60);
  if (reason === 'Idle') {
    const keep = l10n.t('Keep working');
    const message = l10n.t('This environment stops in {0} min because nobody uses it. Your files are kept.', minutes);
    if ((await window.showWarningMessage(message, keep)) === keep) note();
  } else if (reason === 'Schedule') {
    const message =
      'This environment stops in {0} min because its hours end. Save your work, or put the stop off in the dashboard.';
    window.showWarningMessage(l10n.t(message, minutes));
  } else {
    const message =
      'This environment stops in {0} min because it has run for as long as it may. Save your work; you can start it again.';
    window.showWarningMessage(l10n.t(message, minutes));
  }
}

function activate(context) {
  const { debug, window, workspace } = vscode;
  // Mouse and keyboard anywhere in the window; turns false about a minute after the last of them.
  const tick = () => {
    if (window.state.active) active = seconds();
    write();
  };
  const timer = setInterval(tick, PERIOD * 1000);
  const looking = setInterval(warn, LOOK * 1000);
  context.subscriptions.push(
    { dispose: () => clearInterval(timer) },
    { dispose: () => clearInterval(looking) },
    // Work that has ended is told as soon as it is known.
    window.onDidChangeWindowState((state) => (state.active ? note() : write())),
    // A file that is read again because it changed on disk is not dirty; neither is a panel with a log.
    workspace.onDidChangeTextDocument((event) => event.contentChanges.length && event.document.isDirty && note()),
    workspace.onDidSaveTextDocument(note),
    workspace.onDidChangeNotebookDocument(note),
    // Commands need the shell's integration; without it, devworkspace-activity still sees input and work.
    window.onDidStartTerminalShellExecution(note),
    window.onDidEndTerminalShellExecution(note),
    vscode.tasks.onDidStartTask(note),
    vscode.tasks.onDidEndTask(note),
    debug.onDidStartDebugSession(note),
    debug.onDidTerminateDebugSession(note),
    debug.onDidChangeActiveStackItem(note),
    debug.onDidChangeBreakpoints(note),
  );
  watchClone(context);
  // That this window exists means that somebody opened it: an abandoned tab asks for no new one.
  note();
}

module.exports = { activate };
