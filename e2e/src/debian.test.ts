import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun, pushImage, startLocalRegistry } from '@microsandbox/test-utils';
import { expect, it } from 'vitest';
import { msb } from './support/consumer.ts';
import { debianImage } from './support/debian.ts';
import { initTestHome } from './support/test-home.ts';

it('runs a real Debian of several layers, with a file whited out', async () => {
  await using home = await initTestHome();
  await using registry = await startLocalRegistry();
  const image = await debianImage();
  const reference = await pushImage({ registry, repository: 'debian', tag: 'bookworm', image });

  const pulled = await msb(['pull', '--insecure', reference], { env: home.env });
  expect(pulled.stderr).toContain('Pulled');
  expect(pulled.code).toBe(0);

  const script =
    'cat /etc/debian_version /etc/motd /srv/kept; ls /srv; perl -e "print 6*7"; dpkg -l | grep -c ^ii';
  const ran = await msb(['run', '-q', reference, '--', 'bash', '-c', script], { env: home.env });
  expect(ran.stderr).toBe('');
  const [version, motd, kept, listing, last] = ran.stdout.toString().split('\n');
  expect(version).toMatch(/^12\./);
  expect([motd, kept, listing]).toEqual(['second layer', 'kept', 'kept']);
  expect(Number(last?.slice(2))).toBeGreaterThan(20);
  expect(ran.code).toBe(0);

  const layers = join(home.path, 'cache/layers');
  for (const file of (await readdir(layers)).filter((name) => name.endsWith('.erofs'))) {
    await mustRun('fsck.erofs', [join(layers, file)]);
  }
});
