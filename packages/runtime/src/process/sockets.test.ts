import { existsSync, mkdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../test-support/temp-dir.ts';
import { prepareSocketFolder, publishLegacySocket, removeSockets } from './sockets.ts';

function places() {
  const run = join(tempDir(), 'run');
  return {
    agentSocket: join(run, 'sandboxes', 'abc', 'agent.sock'),
    legacyAgentSocket: join(run, 'agent', 'abcdef.sock'),
    controlSocket: join(run, 'sandboxes', 'abc', 'control.sock'),
    legacyControlSocket: join(run, 'agent', 'abcdef.control.sock'),
  };
}

describe('sockets', () => {
  it('get a folder of their own and a link at the old place, and leave nothing behind', async () => {
    const where = places();
    const folder = dirname(where.agentSocket);
    mkdirSync(folder, { recursive: true, mode: 0o777 });
    writeFileSync(where.agentSocket, 'stale');
    await prepareSocketFolder(where);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(existsSync(where.agentSocket)).toBe(false);
    for (let again = 0; again < 2; again += 1) {
      await publishLegacySocket(where.agentSocket, where.legacyAgentSocket);
      await publishLegacySocket(where.controlSocket, where.legacyControlSocket);
    }
    expect(readlinkSync(where.legacyAgentSocket)).toBe('../sandboxes/abc/agent.sock');
    expect(readlinkSync(where.legacyControlSocket)).toBe('../sandboxes/abc/control.sock');
    writeFileSync(where.agentSocket, '');
    writeFileSync(where.controlSocket, '');
    await removeSockets(where);
    await removeSockets(where);
    expect(existsSync(folder)).toBe(false);
    expect(existsSync(where.legacyAgentSocket)).toBe(false);
    expect(() => readlinkSync(where.legacyControlSocket)).toThrow('ENOENT');
  });

  it('never replace or remove what is not theirs', async () => {
    const where = places();
    await prepareSocketFolder(where);
    mkdirSync(dirname(where.legacyAgentSocket), { recursive: true });
    writeFileSync(where.legacyAgentSocket, 'other');
    await expect(publishLegacySocket(where.agentSocket, where.legacyAgentSocket)).rejects.toThrow(
      `legacy runtime endpoint already exists at ${where.legacyAgentSocket}`,
    );
    await removeSockets(where);
    expect(existsSync(where.legacyAgentSocket)).toBe(true);
    rmSync(dirname(where.agentSocket), { recursive: true, force: true });
    symlinkSync('/tmp', dirname(where.agentSocket));
    await expect(prepareSocketFolder(where)).rejects.toThrow('is not a directory');
  });
});
