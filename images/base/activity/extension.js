// Notes when somebody works in this window: two numbers in a file, when this extension last ran and when it last saw
// work, both in seconds since 1970. devworkspace-activity makes the environment's report of the files of all windows.
// An open tab that nobody touches is no work: nothing here counts that goes on without a person.
'use strict';

const fs = require('fs');
const vscode = require('vscode');

const FILE = `/tmp/devworkspace-activity/editor.${process.pid}`;
const PERIOD = 60; // seconds

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

function activate(context) {
  const { debug, window, workspace } = vscode;
  // Mouse and keyboard anywhere in the window; turns false about a minute after the last of them.
  const tick = () => {
    if (window.state.active) active = seconds();
    write();
  };
  const timer = setInterval(tick, PERIOD * 1000);
  context.subscriptions.push(
    { dispose: () => clearInterval(timer) },
    window.onDidChangeWindowState((state) => state.active && note()),
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
  // That this window exists means that somebody opened it: an abandoned tab asks for no new one.
  note();
}

module.exports = { activate };
