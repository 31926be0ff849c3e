/** Internet checksum (RFC 1071). */
export function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** What TCP and UDP checksums cover besides the segment (RFC 9293, 3.1). */
export function pseudoHeader(source: string, destination: string, protocol: number, length: number): Buffer {
  const tail = Buffer.from([0, protocol, length >> 8, length & 0xff]);
  return Buffer.concat([ipv4Bytes(source), ipv4Bytes(destination), tail]);
}

export function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}
