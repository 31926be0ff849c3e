// A shared folder against C virtiofsd and against the guest's own disk, in one guest, taking turns:
// a tree of small files, and one large file. Needs virtiofsd (Debian: qemu-system-common, or virtiofsd).
import { spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, busyboxLayer, initIsolatedHome, writeOciLayout } from '@microsandbox/test-utils';
import { Image, Sandbox } from 'microsandbox';
import { machine } from './lib/machine.mjs';
import { qemuWith } from './lib/qemu-with.mjs';
import { report } from './lib/statistics.mjs';

const rounds = Number(process.argv[2] ?? 5);
const files = Number(process.argv[3] ?? 5000);
const mebibytes = Number(process.argv[4] ?? 256);
const reference = 'localhost/bench';
const memoryMib = 512;

/** Where distributions put the daemon. */
async function findVirtiofsd() {
  for (const path of ['/usr/lib/qemu/virtiofsd', '/usr/libexec/virtiofsd', '/usr/lib/virtiofsd']) {
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new Error('no virtiofsd: install qemu-system-common or virtiofsd');
}

/** Shell functions of the guest; each is told a folder. */
const WORKS = {
  'small files created': (at) =>
    `mkdir ${at}/tree && cd ${at}/tree && i=0; while [ $i -lt ${files} ]; do echo "file $i" > f$i; i=$((i + 1)); done`,
  'small files read': (at) => `cd ${at}/tree && cat * > /dev/null`,
  'small files removed': (at) => `rm -r ${at}/tree`,
  'large file written': (at) =>
    `dd if=/dev/zero of=${at}/large bs=1M count=${mebibytes} conv=fsync 2>/dev/null`,
  'large file read': (at) => `dd if=${at}/large of=/dev/null bs=1M 2>/dev/null; rm ${at}/large`,
};

const folder = await mkdtemp(join(tmpdir(), 'msb-bench-'));
await using _home = await initIsolatedHome();
let daemon;
try {
  const [ours, theirs, socket] = ['ours', 'theirs', 'socket'].map((name) => join(folder, name));
  await Promise.all([mkdir(ours), mkdir(theirs)]);
  daemon = spawn(
    await findVirtiofsd(),
    [`--socket-path=${socket}`, '-o', `source=${theirs}`, '-o', 'cache=auto'],
    { stdio: 'ignore' },
  );
  for (
    let tries = 0;
    tries < 100 &&
    !(await access(socket).then(
      () => true,
      () => false,
    ));
    tries++
  ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await qemuWith(join(folder, 'qemu'), [
    // Memory that the daemon can map.
    `-object memory-backend-memfd,id=shared,size=${memoryMib}M,share=on`,
    '-machine memory-backend=shared',
    `-chardev socket,id=virtiofs,path=${socket}`,
    '-device vhost-user-fs-device,chardev=virtiofs,tag=virtiofs',
  ]);
  process.env.MSB_QEMU_PATH = join(folder, 'qemu');
  process.env.MSB_VMM = 'qemu';
  process.env.MSB_WARM = 'off';
  const image = buildTestImage({ layers: [await busyboxLayer()] });
  await writeOciLayout(folder, image, reference);
  await Image.importLayout(folder, { reference });
  const sandbox = await Sandbox.builder('bench')
    .image(reference)
    .pullPolicy('never')
    .memory(memoryMib)
    .volume('/share', (mount) => mount.bind(ours))
    .create();
  const sh = async (command) => {
    const output = await sandbox.exec('sh', ['-c', command]);
    if (output.code !== 0) throw new Error(`${command}: ${output.stderr()}`);
  };
  await sh('mkdir /virtiofs /own && mount -t virtiofs virtiofs /virtiofs');

  const times = new Map();
  const timesOf = (name, place) => {
    const key = `${name} ${place}`;
    if (!times.has(key)) times.set(key, []);
    return times.get(key);
  };
  const timed = (place, at) => async () => {
    for (const [name, work] of Object.entries(WORKS)) {
      await sh('sync; echo 3 > /proc/sys/vm/drop_caches');
      const begin = performance.now();
      await sh(work(at));
      timesOf(name, place).push(performance.now() - begin);
    }
  };
  const turns = [timed('share', '/share'), timed('virtiofsd', '/virtiofs'), timed('own disk', '/own')];
  for (let round = 0; round < rounds; round++) for (const turn of turns) await turn();
  console.log(machine());
  for (const name of Object.keys(WORKS)) {
    const share = ['share', timesOf(name, 'share')];
    report(name, share, ['virtiofsd', timesOf(name, 'virtiofsd')], name.startsWith('small') ? 1.3 : 2);
    report(name, share, ['own disk', timesOf(name, 'own disk')]);
  }
  await sandbox.stop();
} finally {
  daemon?.kill();
  await rm(folder, { recursive: true, force: true });
}
