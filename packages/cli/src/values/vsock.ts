import { CustomError } from '@microsandbox/types';

/** A vsock port of the guest, and the Unix socket of the host behind it. */
export interface VsockSpec {
  readonly path: string;
  readonly port: number;
  readonly type: 'stream' | 'dgram';
}

/**
 * `HOST_PATH:PORT[/stream|/dgram]`, parted at the last colon (spec: network 19.1). Whether path and port can be is
 * for the builder to say.
 *
 * @throws CustomError
 */
export function parseVsock(text: string): VsockSpec {
  const [, path, port, type] = /^(.+):(\d{1,10})(?:\/(stream|dgram))?$/s.exec(text) ?? [];
  if (path === undefined || port === undefined) {
    throw new CustomError(`--vsock must use HOST_PATH:PORT[/stream|/dgram], got ${JSON.stringify(text)}`);
  }
  return { path, port: Number(port), type: type === 'dgram' ? 'dgram' : 'stream' };
}
