import { existsSync } from 'node:fs';
import { fail, run } from './run.mjs';

/** What the host must have, by the file that shows it, with the Debian package that brings it. */
const forSandboxes = [
  { file: 'qemu-system-x86_64', package: 'qemu-system-x86' },
  { file: '/usr/share/qemu/qboot.rom', package: 'qemu-system-data' },
  { file: 'busybox', package: 'busybox-static' },
];
const forTests = [
  { file: 'docker-registry', package: 'docker-registry' },
  { file: 'fsck.erofs', package: 'erofs-utils' },
  { file: 'e2fsck', package: 'e2fsprogs' },
  { file: 'mmdebstrap', package: 'mmdebstrap' },
  { file: 'htpasswd', package: 'apache2-utils' },
  { file: 'tmux', package: 'tmux' },
  { file: 'openssl', package: 'openssl' },
  { file: 'qemu-img', package: 'qemu-utils' },
  { file: 'dropbear', package: 'dropbear-bin' },
];

function present(file) {
  if (file.startsWith('/')) return existsSync(file);
  const folders = (process.env.PATH ?? '').split(':').concat('/usr/sbin', '/sbin');
  return folders.some((folder) => existsSync(`${folder}/${file}`));
}

/** Installs with apt as root or through sudo; elsewhere says what to install and ends. */
export async function installSystemPackages({ tests }) {
  const wanted = tests ? [...forSandboxes, ...forTests] : forSandboxes;
  const missing = [...new Set(wanted.filter(({ file }) => !present(file)).map((entry) => entry.package))];
  if (missing.length === 0) return;
  const list = missing.join(' ');
  if (!present('apt-get'))
    fail(`missing on this machine: ${list} (Debian package names); install them and try again`);
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (sudo.length > 0 && (await run('sudo', ['-n', 'true'], { capture: true })).code !== 0) {
    fail(`missing on this machine; run: sudo apt-get install --no-install-recommends ${list}`);
  }
  console.log(`Installing Debian packages: ${list}`);
  const apt = (...args) => {
    const [program, ...rest] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
    return run(program, rest, { quiet: true });
  };
  await apt('update');
  const { code } = await apt('install', '-y', '--no-install-recommends', ...missing);
  if (code !== 0) fail(`apt-get could not install: ${list}`);
}
