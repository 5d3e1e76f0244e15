// The editor's extension with a window, files and a clock of the test's own. Run by test_extension.py.
'use strict';

const assert = require('node:assert');
const Module = require('node:module');
const path = require('node:path');
const { afterEach, beforeEach, mock, test } = require('node:test');

const SOURCE = path.resolve(__dirname, '../../images/base/activity/extension.js');
const CLONING = path.resolve(__dirname, '../../images/base/activity/repository.js');
const WANTED = '/etc/devworkspace/repository';
const REPORT = '/tmp/devworkspace-activity/repository';
const START = Date.parse('2026-11-25T12:00:00Z');
const STOPS = '/etc/devworkspace/stops';

let files, listeners, messages, state, answer, folders, commands;

function on(name) {
  return (listener) => {
    listeners[name] = listener;
    return { dispose() {} };
  };
}

// Every event that there is, by its name.
const events = new Proxy({}, { get: (_, name) => (String(name).startsWith('on') ? on(name) : undefined) });

const vscode = {
  debug: events,
  tasks: events,
  workspace: new Proxy(events, { get: (target, name) => (name === 'workspaceFolders' ? folders : target[name]) }),
  commands: { executeCommand: (...told) => commands.push(told) },
  Uri: { file: (fsPath) => ({ fsPath }) },
  window: new Proxy(events, {
    get(target, name) {
      if (name === 'state') return state;
      if (name === 'showWarningMessage' || name === 'showInformationMessage') {
        return (...told) => {
          messages.push(told);
          return Promise.resolve(answer);
        };
      }
      return target[name];
    },
  }),
  l10n: { t: (text, ...values) => text.replace(/\{(\d)\}/g, (_, number) => values[number]) },
};

const fs = {
  writeFileSync: (name, text, { flag } = {}) => {
    if (flag === 'wx' && name in files) throw new Error(`file exists: ${name}`);
    files[name] = text;
  },
  renameSync: (from, to) => {
    files[to] = files[from];
    delete files[from];
  },
  readFileSync: (name) => {
    if (!(name in files)) throw new Error(`no such file: ${name}`);
    return files[name];
  },
};

const load = Module._load;
Module._load = (request, ...rest) => ({ vscode, fs })[request] ?? load(request, ...rest);

beforeEach(() => {
  [files, listeners, messages, state, answer] = [{}, {}, [], { active: false }, undefined];
  [folders, commands] = [[{ uri: { fsPath: '/home/dev' } }], []];
  process.env.HOME = '/home/dev';
  mock.timers.enable({ apis: ['setInterval', 'Date'], now: START });
  delete require.cache[SOURCE];
  delete require.cache[CLONING];
  require(SOURCE).activate({ subscriptions: [] });
});

afterEach(() => mock.timers.reset());

function written() {
  const [ran, worked] = files[`/tmp/devworkspace-activity/editor.${process.pid}`].trim().split(' ').map(Number);
  return { ran: ran - START / 1000, worked: worked - START / 1000 };
}

// Second by second, so that what waits for an answer goes on in its moment.
async function pass(seconds) {
  for (let left = seconds; left > 0; left -= 1) {
    mock.timers.tick(1000);
    await Promise.resolve();
  }
}

const stopIn = (seconds, reason) =>
  `${new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19)}Z ${reason}`;

test('an open tab that nobody touches is no work, and the window is seen all the same', async () => {
  await pass(600);
  assert.deepStrictEqual(written(), { ran: 600, worked: 0 });
});

test('mouse and keyboard are work for as long as the window is active', async () => {
  state.active = true;
  await pass(120);
  assert.deepStrictEqual(written(), { ran: 120, worked: 120 });
  state.active = false;
  await pass(120);
  assert.deepStrictEqual(written(), { ran: 240, worked: 120 });
});

test('work after a pause and its end are written at once', async () => {
  await pass(305);
  listeners.onDidChangeWindowState({ active: true });
  assert.deepStrictEqual(written(), { ran: 305, worked: 305 });
  await pass(2);
  listeners.onDidChangeWindowState({ active: false });
  assert.deepStrictEqual(written(), { ran: 307, worked: 305 });
});

test('an edit is work, a file that is read again is not', async () => {
  await pass(100);
  listeners.onDidChangeTextDocument({ contentChanges: [{}], document: { isDirty: false } });
  assert.strictEqual(written().worked, 0);
  listeners.onDidChangeTextDocument({ contentChanges: [{}], document: { isDirty: true } });
  assert.strictEqual(written().worked, 100);
});

test('who does nothing is warned once, and the answer is work', async () => {
  await pass(600);
  files[STOPS] = stopIn(295, 'Idle');
  answer = 'Keep working';
  await pass(60);
  assert.deepStrictEqual(messages, [
    ['This environment stops in 5 min because nobody uses it. Your files are kept.', 'Keep working'],
  ]);
  assert.strictEqual(written().worked, 610);
});

test('a message that is closed is no answer, and the next stop is told again', async () => {
  await pass(600);
  files[STOPS] = stopIn(295, 'Idle');
  await pass(60);
  assert.strictEqual(written().worked, 0);
  files[STOPS] = stopIn(200, 'Idle');
  await pass(60);
  assert.strictEqual(messages.length, 2);
});

test('who works is not told that nobody does, but is told of the hours and of the longest run', async () => {
  state.active = true;
  await pass(60);
  files[STOPS] = stopIn(200, 'Idle');
  await pass(60);
  assert.deepStrictEqual(messages, []);
  files[STOPS] = stopIn(200, 'Schedule');
  await pass(20);
  files[STOPS] = stopIn(200, 'MaxRunDuration');
  await pass(20);
  assert.deepStrictEqual(
    messages.map(([text]) => text.match(/because (.*?)\./)[1]),
    ['its hours end', 'it has run for as long as it may'],
  );
});

for (const text of ['', 'nonsense', '2026-11-25T11:00:00Z Idle', '2026-11-25T20:00:00Z Idle']) {
  test(`nothing is said for '${text}'`, async () => {
    await pass(600);
    files[STOPS] = text;
    await pass(60);
    assert.deepStrictEqual(messages, []);
  });
}

const CLONED = ['Repository shop has been cloned.', 'Open folder'];
const FAILED =
  'Repository shop could not be cloned. The environment works without it; its page in the dashboard says why.';
const clone = (state) => {
  files[WANTED] = JSON.stringify({ repository: 'https://git.example.com/shop', directory: 'shop' });
  if (state) files[REPORT] = JSON.stringify({ state, asOf: 1 });
};

test('a clone that ends while the window is open is told, and its folder opened if that is wanted', async () => {
  clone('cloning');
  await pass(60);
  assert.deepStrictEqual(messages, []);
  answer = 'Open folder';
  clone('cloned');
  await pass(60);
  assert.deepStrictEqual(messages, [CLONED]);
  assert.deepStrictEqual(commands, [
    ['vscode.openFolder', { fsPath: '/home/dev/shop' }, { forceReuseWindow: true }],
  ]);
});

test('a message that is closed opens nothing', async () => {
  clone('cloning');
  await pass(10);
  clone('cloned');
  await pass(10);
  assert.deepStrictEqual([messages, commands], [[CLONED], []]);
});

test('what was cloned before the window was there is not told, nor is the folder that is open', async () => {
  clone('cloned');
  await pass(60);
  assert.deepStrictEqual(messages, []);
});

test('a window in that folder is not told to go there', async () => {
  folders = [{ uri: { fsPath: '/home/dev/shop' } }];
  clone('cloning');
  await pass(10);
  clone('cloned');
  await pass(10);
  assert.deepStrictEqual(messages, []);
});

test('a clone that failed is told by the first window, whenever that was', async () => {
  clone('failed');
  await pass(60);
  assert.deepStrictEqual(messages, [[FAILED]]);
  delete require.cache[CLONING];
  require(CLONING).watchClone({ subscriptions: [] });
  await pass(60);
  assert.strictEqual(messages.length, 1);
});

test('what is to be cloned may become known after the window was opened', async () => {
  await pass(20);
  clone();
  await pass(60);
  clone('cloned');
  await pass(10);
  assert.deepStrictEqual(messages, [CLONED]);
});
