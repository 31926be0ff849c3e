// Runs a script that nobody has read, and survives whatever it does.
//
//   node examples/run-untrusted.mjs <image>
import { Sandbox } from 'microsandbox';

const image = process.argv[2] ?? 'alpine';
const untrusted = 'echo "I am $(id -un) on $(uname -s)"; echo oops >&2; exit 7';

await using sandbox = await Sandbox.builder(`untrusted-${process.pid}`)
  .image(image)
  .memory(256)
  .ephemeral(true)
  .create();

const result = await sandbox.shell(untrusted);
console.log(`exit code ${result.code}`);
console.log(`standard output: ${result.stdout().trim()}`);
console.log(`standard error: ${result.stderr().trim()}`);
