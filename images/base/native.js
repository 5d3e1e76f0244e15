// Loads the editor's compiled parts the way the server does and lets each do one thing.
const path = require('path');
const fs = require('fs');
const modules = path.resolve(fs.realpathSync('/usr/local/bin/code-server'), '../../../lib/vscode/node_modules');
const load = (name) => require(path.join(modules, name));

const terminal = load('node-pty').spawn('bash', ['-c', 'echo from-a-terminal'], { cwd: '/tmp' });
let seen = '';
terminal.onData((data) => { seen += data; });
terminal.onExit(async () => {
  if (!seen.includes('from-a-terminal')) throw new Error(`terminal printed ${seen}`);
  const logger = await load('@vscode/spdlog').createAsyncRotatingLogger('smoke', '/tmp/spd.log', 1e6, 1);
  logger.info('hello');
  logger.flush();
  load('@vscode/native-watchdog').start(process.pid);
  await load('@vscode/deviceid').getDeviceId();
  fs.mkdirSync('/tmp/watched', { recursive: true });
  const watch = await load('@parcel/watcher').subscribe('/tmp/watched', () => {});
  await watch.unsubscribe();
  const rg = path.join(modules, '@vscode/ripgrep-universal/bin', `linux-${process.arch}`, 'rg');
  require('child_process').execFileSync(rg, ['--version']);
  process.exit(0);
});
