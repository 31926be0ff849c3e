import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { netnsObstacle, PEER, type TextResult } from './support/netns.ts';
import { residentMib, sandboxProcess } from './support/sandbox-process.ts';
import { HOSTS } from './support/secure-hosts.ts';
import { type SecureNetwork, startSecureNetwork } from './support/secure-network.ts';

const obstacle = netnsObstacle();
if (obstacle !== null) console.log(`skipped: ${obstacle}`);

const NAME = `hostile-${process.pid}`;
const SERVER = HOSTS.other;

/**
 * What the sandbox process may grow by, whatever the guest sends: 256 connections, the most at a time, have two buffers
 * of 256 KiB each; then what the heap keeps of the frames.
 */
const ROOM_MIB = 128 + 32;

let net: SecureNetwork;
let script: string;

const exec = (...command: string[]): Promise<TextResult> => net.msb(['exec', NAME, '--', ...command]);
const attack = (mode: string) => exec('python3', '-c', script, mode, SERVER.address, PEER.nameserver);

describe.skipIf(obstacle)('a hostile guest', () => {
  beforeAll(async () => {
    script = await readFile(new URL('support/hostile-guest.py', import.meta.url), 'utf8');
    net = await startSecureNetwork();
    const create = ['create', '--name', NAME, ...net.dns, net.made.reference];
    expect(await net.msb(create)).toMatchObject({ code: 0 });
  });

  afterAll(async () => {
    await net?.msb(['rm', '--force', NAME]);
    await net?.[Symbol.asyncDispose]();
  });

  it('is heard as itself only', async () => {
    expect(await attack('spoofed')).toMatchObject({ stdout: 'sent\n', stderr: '' });
    const asked = () => readFile(join(net.folder, 'dns.received'), 'latin1').catch(() => '');
    // The last question is an honest one: what came before it has been judged.
    await expect.poll(asked, { timeout: 30_000 }).toContain('to-itself');
    expect(await asked()).toContain('from-itself');
    expect(await asked()).not.toContain('forged');
  });

  it.each([
    ['fragments that overlap and never end', 'fragments'],
    ['a flood of SYNs', 'syns'],
    ['options of every length and windows of nothing', 'options'],
    ['garbage', 'garbage'],
    ['questions without end', 'bombs'],
  ])('sends %s, and the next honest connection works', async (_what, mode) => {
    const keeper = await sandboxProcess(net.made.home.path, NAME);
    const before = await residentMib(keeper);
    expect(await attack(mode)).toMatchObject({ stdout: 'sent\n', stderr: '' });
    const page = () => exec('curl', '-sS', '--max-time', '20', `http://${SERVER.name}/hello`);
    await expect.poll(page, { timeout: 90_000 }).toMatchObject({ code: 0, stdout: 'hello\n' });
    expect(await sandboxProcess(net.made.home.path, NAME)).toBe(keeper);
    expect(await residentMib(keeper)).toBeLessThan(before + ROOM_MIB);
  });
});
