import { readFile } from 'node:fs/promises';
import type { Nameserver } from '../config/nameserver.ts';
import { familyOf } from '../policy/cidr.ts';

const PORT = 53;
/** More than a resolver of libc looks at; the file is not ours. */
const MAX_NAMESERVERS = 16;

/** Name servers of the host, in their order; none when the file is missing. */
export async function readResolvConf(path = '/etc/resolv.conf'): Promise<Nameserver[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return parseResolvConf(text);
}

/** `nameserver` lines. Link-local servers with a zone (`%eth0`) are kept: it is the host that asks them. */
export function parseResolvConf(text: string): Nameserver[] {
  return text
    .split('\n')
    .flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
    .filter((host) => familyOf(host.replace(/%.*$/, '')) !== null)
    .slice(0, MAX_NAMESERVERS)
    .map((host) => ({ host, port: PORT }));
}
