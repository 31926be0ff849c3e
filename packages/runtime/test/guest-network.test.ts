import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { addon, type NetworkAddresses, type NetworkStackEvent } from '@microsandbox/native';
import { DEFAULT_HOST_CONFIG } from '@microsandbox/utils';
import { expect, it } from 'vitest';
import { cpioArchive } from '../src/initramfs/cpio-archive.ts';
import { resolveKernel } from '../src/kernel/resolve-kernel.ts';
import { missingForVms } from '../test-support/missing-for-vms.ts';
import { tempDir } from '../test-support/temp-dir.ts';

const missing = missingForVms();
if (missing !== null) console.log(`skipped: ${missing}`);

/** What the guest does; its console output is what the test reads. */
function script({ ipv4, ipv6 }: NetworkAddresses, port: number): string {
  const url = `http://${ipv4?.gateway}:${port}`;
  return [
    '#!/bin/busybox sh',
    'export PATH=/bin',
    '/bin/busybox --install -s /bin',
    'mount -t devtmpfs dev /dev; mount -t proc proc /proc',
    'echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad',
    'ip link set lo up; ip link set eth0 up',
    `ip addr add ${ipv4?.guest}/30 dev eth0; ip route add default via ${ipv4?.gateway}`,
    `ip -6 addr add ${ipv6?.guest}/64 dev eth0; ip -6 route add default via ${ipv6?.gateway}`,
    `echo "down $(wget -q -O - ${url}/file | sha256sum)"`,
    `echo "six $(printf "GET /hello HTTP/1.0\\r\\n\\r\\n" | nc ${ipv6?.gateway} ${port} | tail -n 1)"`,
    `wget -q -O /file ${url}/file`,
    `(printf "POST /upload HTTP/1.0\\r\\nContent-Length: $(stat -c %s /file)\\r\\n\\r\\n"; cat /file) > /request`,
    `echo "up $(nc ${ipv4?.gateway} ${port} < /request | tail -n 1)"`,
    `ping -c 1 -W 2 ${ipv4?.gateway} > /dev/null && echo "ping works"`,
    'nc 10.9.9.9 80 < /dev/null 2>&1',
    'echo "done"; reboot -f',
  ].join('\n');
}

it.skipIf(missing !== null)(
  'a Linux guest loads, sends and is refused through the stack',
  async () => {
    const folder = tempDir();
    const { elfPath } = await resolveKernel({
      env: process.env,
      config: DEFAULT_HOST_CONFIG,
      layout: { libDir: join(folder, 'lib'), cacheDir: join(folder, 'cache') },
    });
    const content = randomBytes(3_000_000);
    const answer = async (request: IncomingMessage, response: ServerResponse) => {
      if (request.url === '/file') return response.end(content);
      if (request.url === '/hello') return response.end('hello over IPv6');
      const hash = createHash('sha256');
      for await (const chunk of request) hash.update(chunk);
      return response.end(hash.digest('hex'));
    };
    const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;

    const addresses = addon().networkAddresses({ slot: 42, families: { ipv4: true, ipv6: true } });
    const [frameFd, guestFd] = addon().socketPair();
    const events: NetworkStackEvent[] = [];
    const policy = {
      default_egress: 'deny',
      rules: [{ direction: 'egress', destination: { group: 'host' }, action: 'allow' }],
    };
    const stack = addon().startNetwork({ frameFd, addresses, policyJson: JSON.stringify(policy) }, (batch) =>
      events.push(...batch),
    );
    const initramfs = join(folder, 'initramfs');
    await writeFile(
      initramfs,
      cpioArchive([
        { type: 'directory', path: 'bin', mode: 0o755 },
        { type: 'directory', path: 'dev', mode: 0o755 },
        { type: 'directory', path: 'proc', mode: 0o755 },
        { type: 'character', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
        { type: 'file', path: 'bin/busybox', mode: 0o755, content: await readFile('/usr/bin/busybox') },
        { type: 'file', path: 'init', mode: 0o755, content: Buffer.from(script(addresses, port)) },
      ]),
    );
    const mac = addresses.guestMac.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    const qemu = spawn(
      '/usr/bin/qemu-system-x86_64',
      [
        ...['-M', 'microvm,acpi=off,rtc=on', '-accel', 'tcg', '-cpu', 'max', '-m', '256M'],
        ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
        ...[
          '-kernel',
          elfPath,
          '-initrd',
          initramfs,
          '-append',
          'console=hvc0 rdinit=/init quiet panic=-1 reboot=t',
        ],
        ...['-chardev', 'stdio,id=console', '-device', 'virtio-serial-device'],
        ...['-device', 'virtconsole,chardev=console'],
        ...['-netdev', 'stream,id=net0,server=off,addr.type=fd,addr.str=3'],
        ...['-device', `virtio-net-device,netdev=net0,mac=${mac}`],
      ],
      { stdio: ['ignore', 'pipe', 'inherit', guestFd], timeout: 30_000 },
    );
    closeSync(guestFd);
    let output = '';
    qemu.stdout?.on('data', (data) => {
      output += data;
    });
    await once(qemu, 'close');
    const digest = createHash('sha256').update(content).digest('hex');
    const lines = output.split('\n').map((line) => line.trim());
    expect(lines).toEqual(
      expect.arrayContaining([
        `down ${digest}  -`,
        'six hello over IPv6',
        `up ${digest}`,
        'ping works',
        "nc: can't connect to remote host (10.9.9.9): Connection refused",
        'done',
      ]),
    );
    await expect.poll(() => events.at(-1)).toEqual({ type: 'stopped', error: null });
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'verdict', action: 'deny', allowRule: 'allow@10.9.9.9:tcp:80' }),
    );
    await stack.stop();
    server.close();
  },
  60_000,
);
