/**
 * Child process of the torture tests: carries out one operation on one sandbox, and says when it begins and when it
 * is done, so that it can be killed in between.
 */
import { withBackend } from '../src/backend/current-backend.ts';
import { LocalBackend } from '../src/backend/local-backend.ts';
import { Sandbox } from '../src/sandbox.ts';
import { fakeLauncher } from './fake-launcher.ts';

const [operation = '', name = '', disk = ''] = process.argv.slice(2);
const backend = new LocalBackend({ launcher: fakeLauncher() });
const builder = () => Sandbox.builder(name).image(disk);

process.stdout.write('begin\n');
await withBackend(backend, async () => {
  switch (operation) {
    case 'create':
      await builder().create();
      break;
    case 'create-detached':
      await builder().detached(true).create();
      break;
    case 'replace':
      await builder().detached(true).replace().create();
      break;
    case 'start':
      await Sandbox.startDetached(name);
      break;
    case 'stop':
      await (await Sandbox.get(name)).stop();
      break;
    case 'remove':
      await Sandbox.remove(name);
      break;
    default:
      throw new Error(`unknown operation ${operation}`);
  }
});
process.stdout.write('done\n');
