// Streams the log of the sandbox `box` of a home four times over and tells by how many bytes the memory of this process
// grew at its peak, and how many bytes it read. `node read-much.ts <home>`
import { homeLayout, sandboxPaths } from '@microsandbox/utils';
import { LogStream } from '../src/logs/log-stream.ts';

const place = { name: 'box', paths: sandboxPaths(homeLayout(process.argv[2] ?? ''), 'box') };
let peak = 0;
let read = 0;
let entries = 0;
const before = process.memoryUsage.rss();
for (let time = 0; time < 4; time += 1) {
  await using stream = await LogStream.open(place);
  for await (const { data } of stream) {
    read += data.length;
    entries += 1;
    if (entries % 10_000 === 0) peak = Math.max(peak, process.memoryUsage.rss());
  }
}
process.stdout.write(JSON.stringify({ grown: peak - before, read }));
