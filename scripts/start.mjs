// `npm start`: sets up, builds, and boots a first microVM.
import { must, root } from './lib/run.mjs';
import { setUp } from './setup.mjs';

await setUp({ tests: false });
await must('nx', ['run-many', '-t', 'build', '--exclude=tag:not-needed'], { quiet: true });
await must('node', [`${root}/scripts/demo.mjs`]);
