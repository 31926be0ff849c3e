import { UnsupportedOperationError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { vectors } from '../test/vectors.ts';
import { decodeCbor } from './cbor/decode-cbor.ts';
import { encodeCbor } from './cbor/encode-cbor.ts';
import { ipAddressFromBytes, ipAddressToBytes } from './ip-address.ts';
import { flagsOf, MESSAGE_TYPES, type MessageType, sinceGeneration } from './message-types.ts';
import { assertSupported, negotiate, supportsType } from './negotiate.ts';
import { guestBootstrap } from './payloads/bootstrap.ts';
import { PAYLOADS } from './payloads/table.ts';
import { encodeClientPrologue, isIdInRange, relayIdRange, relaySlotOfId } from './relay-id-range.ts';

describe('message types', () => {
  it('have a payload each and no flags but those of the table', () => {
    expect(Object.keys(PAYLOADS).sort()).toEqual(Object.keys(MESSAGE_TYPES).sort());
    const withFlags = (flags: number) =>
      (Object.keys(MESSAGE_TYPES) as MessageType[]).filter((type) => flagsOf(type) === flags).sort();
    expect(withFlags(1)).toEqual(
      [
        'core.pong',
        'core.touched',
        'core.error',
        'core.exec.exited',
        'core.exec.failed',
        'core.fs.response',
        'core.tcp.closed',
        'core.tcp.failed',
      ].sort(),
    );
    expect(withFlags(2)).toEqual(['core.exec.request', 'core.fs.request', 'core.tcp.connect']);
    expect(withFlags(4)).toEqual(['core.shutdown']);
    expect(withFlags(0)).toHaveLength(20);
  });

  it('carry the generation that introduced them', () => {
    const added = (generation: number) =>
      (Object.keys(MESSAGE_TYPES) as MessageType[]).filter((type) => sinceGeneration(type) === generation);
    expect(added(2).every((type) => type.startsWith('core.fs.'))).toBe(true);
    expect(added(3)).toEqual([]);
    expect(added(4).every((type) => type.startsWith('core.tcp.'))).toBe(true);
    expect(added(5)).toEqual(['core.error']);
    expect(added(6)).toEqual(['core.ping', 'core.pong', 'core.touch', 'core.touched']);
    expect(added(7)).toEqual(['core.bootstrap']);
  });
});

describe('negotiation', () => {
  it.each([
    [2, 2],
    [5, 5],
    [7, 7],
    [9, 7],
  ])('with a ready of generation %i gives %i', (ready, negotiated) => {
    expect(negotiate(ready)).toBe(negotiated);
  });

  it('gates what the peer does not know', () => {
    expect(supportsType('core.fs.request', 1)).toBe(false);
    expect(supportsType('core.fs.request', 2)).toBe(true);
    expect(supportsType('core.tcp.connect', 3)).toBe(false);
    expect(() => assertSupported('core.ping', 5)).toThrow(UnsupportedOperationError);
    expect(() => assertSupported('core.ping', 5)).toThrow(
      "the sandbox runtime is too old for 'core.ping' (needs protocol generation 6, the sandbox speaks 5); " +
        'restart the sandbox to update its runtime',
    );
    expect(() => assertSupported('core.ping', 6)).not.toThrow();
  });
});

describe('relay id ranges', () => {
  it.each([
    [0, '0000000101ffffff'],
    [1, '0200000003fffffe'],
    [127, 'fdffff82ffffff80'],
  ])('slot %i has the prologue %s', (slot, prologue) => {
    const range = relayIdRange(slot);
    expect(encodeClientPrologue(range, Buffer.from('ready')).toString('hex')).toBe(
      prologue + Buffer.from('ready').toString('hex'),
    );
    expect(relaySlotOfId(range.start)).toBe(slot);
    expect(relaySlotOfId(range.endExclusive - 1)).toBe(slot);
    expect(isIdInRange(range.start, range)).toBe(true);
    expect(isIdInRange(range.endExclusive, range)).toBe(false);
    expect(isIdInRange(range.start - 1, range)).toBe(false);
  });

  it('clamps ids beyond the last slot', () => {
    expect(relaySlotOfId(0)).toBe(0);
    expect(relaySlotOfId(0xffff_ffff)).toBe(127);
  });
});

describe('bootstrap', () => {
  it('writes addresses as arrays and reads them back as text', () => {
    const vector = vectors.fragments.find((fragment) => fragment.name === 'bootstrap-ipv4');
    const network = { interface: 'eth0', mac: [2, 0, 0, 0, 0, 1], mtu: 1500, ipv4: vector?.value as never };
    const encoded = encodeCbor(guestBootstrap.encode({ network }));
    expect(encoded.toString('hex')).toContain(vector?.cborHex);
    expect(guestBootstrap.decode(decodeCbor(encoded))).toEqual({ network, security_profile: 'default' });
  });

  it('leaves out what is empty and always writes mount flags', () => {
    const wire = guestBootstrap.encode({
      hostname: '',
      dir_mounts: [{ tag: 't', guest_path: '/m' }],
      disk_mounts: [],
      handoff_init: { cmd: 'auto', args: [] },
    });
    expect(wire).toEqual({
      dir_mounts: [
        {
          tag: 't',
          guest_path: '/m',
          flags: { readonly: false, noexec: false, nosuid: false, nodev: false },
        },
      ],
      security_profile: 'default',
      handoff_init: { cmd: 'auto' },
    });
  });

  it.each([
    ['172.16.0.2', '172.16.0.2'],
    ['::', '::'],
    ['FE80:0:0:0:1::2', 'fe80::1:0:0:2'],
    ['fd42:6d73:62:1::2', 'fd42:6d73:62:1::2'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
  ])('address %s survives as %s', (address, canonical) => {
    expect(ipAddressFromBytes(ipAddressToBytes(address))).toBe(canonical);
  });

  it.each(['', '1.2.3', '1.2.3.256', 'fe80::1%eth0', 'x'])('refuses the address %j', (address) => {
    expect(() => ipAddressToBytes(address)).toThrow('not an IP address');
  });
});
