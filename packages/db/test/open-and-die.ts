/**
 * Child process of the crash tests: opens the catalog of a home and kills itself before the n-th lasting effect
 * from then on: a rename, a sync, a transaction. Ends with 0 when there were not as many.
 */
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { homeLayout } from '@microsandbox/utils';
import Database from 'better-sqlite3';

const [home = '', survived = '0'] = process.argv.slice(2);
let left = Number(survived);

/** Gives a method that may be the last thing that is called. */
function deadly<This, Args extends unknown[], Result>(
  method: (this: This, ...args: Args) => Result,
): (this: This, ...args: Args) => Result {
  return function (...args) {
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    left -= 1;
    return method.apply(this, args);
  };
}

fs.rename = deadly(fs.rename);
syncBuiltinESMExports();
const file = await fs.open(process.execPath);
const handle = Object.getPrototypeOf(file);
handle.sync = deadly(handle.sync);
await file.close();
Database.prototype.exec = deadly(Database.prototype.exec);
Database.prototype.transaction = deadly(
  Database.prototype.transaction,
) as typeof Database.prototype.transaction;

const { Catalog } = await import('../src/catalog.ts');
await (await Catalog.open({ layout: homeLayout(home) })).close();
