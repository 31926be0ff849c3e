/** Child process of the attach test: creates a sandbox on a fake launcher and attaches a program to its terminal. */
import { withBackend } from '../src/backend/current-backend.ts';
import { LocalBackend } from '../src/backend/local-backend.ts';
import { Sandbox } from '../src/sandbox.ts';
import { fakeLauncher } from './fake-launcher.ts';

const [disk = '', ...command] = process.argv.slice(2);
const backend = new LocalBackend({ launcher: fakeLauncher() });
const sandbox = await withBackend(backend, () => Sandbox.builder('tty').image(disk).create());
const [cmd = '', ...args] = command;
const code = await sandbox.attach(cmd, args);
process.stdout.write(`\ncode ${code}, raw ${process.stdin.isRaw}\n`);
await sandbox.stop();
