/** Child process: takes the database's write lock, says so, and holds it for a while. */
import Database from 'better-sqlite3';

const [path = '', holdMs = '0'] = process.argv.slice(2);
const db = new Database(path);
db.exec('BEGIN IMMEDIATE');
process.stdout.write('held\n');
setTimeout(() => {
  db.exec('COMMIT');
  db.close();
}, Number(holdMs));
