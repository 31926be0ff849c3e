import { cpioArchive } from './cpio-archive.ts';

/**
 * The guest's first file system: the agent as `/init`, and the device node that the kernel opens as the agent's
 * standard streams, so that what it prints lands in the console log.
 *
 * On a busy host the console's driver can come too late for that. The agent then starts without standard streams,
 * and its language's runtime ends it at once unless it finds `/dev/null` to put in their place.
 */
export function agentInitramfs(agentd: Buffer): Buffer {
  return cpioArchive([
    { type: 'directory', path: 'dev', mode: 0o755 },
    { type: 'character', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    { type: 'character', path: 'dev/null', mode: 0o666, major: 1, minor: 3 },
    { type: 'directory', path: 'proc', mode: 0o755 },
    { type: 'directory', path: 'sys', mode: 0o755 },
    { type: 'file', path: 'init', mode: 0o755, content: agentd },
  ]);
}
