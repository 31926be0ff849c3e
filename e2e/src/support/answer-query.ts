/**
 * Answers a DNS query (RFC 1035) with the IPv4 addresses of its name, given in lower case; without any record for other
 * types and for names without an address.
 */
export function answerQuery(query: Buffer, addressesOf: (name: string) => readonly string[]): Buffer {
  let at = 12;
  const labels: string[] = [];
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  const question = query.subarray(12, at + 5);
  const isForIpv4 = query.readUInt16BE(at + 1) === 1;
  const addresses = isForIpv4 ? addressesOf(labels.join('.').toLowerCase()) : [];
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(addresses.length, 6);
  header.fill(0, 8);
  // A pointer to the name, type A, class IN, 60 seconds, four bytes.
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)]),
  );
  return Buffer.concat([header, question, ...records]);
}
