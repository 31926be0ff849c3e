import { isIP } from 'node:net';

const BITS = { 4: 32, 6: 128 } as const;

/** A block of addresses; host bits may be set and are kept. */
export interface Cidr {
  readonly address: string;
  readonly family: 4 | 6;
  readonly prefix: number;
}

/** Reads `10.0.0.0/8` or `fd00::/8`; null when it is none. */
export function parseCidr(text: string): Cidr | null {
  const [, address = '', digits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const family = familyOf(address);
  const prefix = Number(digits);
  return family !== null && digits !== '' && prefix <= BITS[family] ? { address, family, prefix } : null;
}

/** The block that holds one address only, as text; null when the text is no address. */
export function cidrOfAddress(text: string): string | null {
  const family = familyOf(text);
  return family === null ? null : `${text}/${BITS[family]}`;
}

/** 4 or 6, or null when the text is no address. Zones (`%eth0`) are none of the guest's business. */
export function familyOf(text: string): 4 | 6 | null {
  if (text.includes('%')) return null;
  const family = isIP(text);
  return family === 4 || family === 6 ? family : null;
}
