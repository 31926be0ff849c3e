import type { GuestBootstrap } from '@microsandbox/types';
import { type Codec, shapeError } from '../cbor/codec.ts';
import { encodeCbor } from '../cbor/encode-cbor.ts';
import { omitted, required, withDefault } from '../cbor/field.ts';
import { list } from '../cbor/list.ts';
import { oneOf } from '../cbor/one-of.ts';
import { bool, text, u8, u16, u32 } from '../cbor/scalars.ts';
import { struct } from '../cbor/struct.ts';
import { internallyTagged } from '../cbor/tagged.ts';
import { ipAddressFromBytes, ipAddressToBytes } from '../ip-address.ts';
import { rlimit } from './core.ts';

/**
 * Payload of `core.bootstrap` (protocol section 7). It keeps the snake_case names of the launch configuration, whose
 * key `bootstrap` it is; only addresses differ: texts there, arrays of integers on the wire.
 */

const ipAddress: Codec<string> = {
  encode: ipAddressToBytes,
  decode: (value) => {
    if (!Array.isArray(value) || (value.length !== 4 && value.length !== 16)) {
      throw shapeError('an IP address', value);
    }
    return ipAddressFromBytes(value.map((item) => u8.decode(item)));
  },
};

const flagsOff = { readonly: false, noexec: false, nosuid: false, nodev: false };
const flag = withDefault(bool, false);
const mountFlags = struct({ readonly: flag, noexec: flag, nosuid: flag, nodev: flag });
const flags = withDefault(mountFlags, flagsOff);
const optionalText = omitted(text, undefined);
const envVar = struct({ key: required(text), value: required(text) });

const upper = internallyTagged({
  device: struct({ device: required(text), fstype: required(text) }),
  tmpfs: struct({ size_mib: omitted(u32, undefined) }),
});

const blockRoot = internallyTagged({
  'disk-image': struct({ device: required(text), fstype: optionalText }),
  'oci-erofs': struct({ lower: required(text), upper: required(upper) }),
});

const addressFamily = struct({
  address: required(ipAddress),
  prefix_len: required(u8),
  gateway: required(ipAddress),
  dns: omitted(ipAddress, undefined),
});

const network = struct({
  interface: required(text),
  mac: required(list(u8)),
  mtu: required(u16),
  route_mtu: omitted(u16, undefined),
  ipv4: omitted(addressFamily, undefined),
  ipv6: omitted(addressFamily, undefined),
});

export const guestBootstrap = struct({
  block_root: omitted(blockRoot, undefined),
  dir_mounts: omitted(list(struct({ tag: required(text), guest_path: required(text), flags })), undefined),
  file_mounts: omitted(
    list(struct({ tag: required(text), filename: required(text), guest_path: required(text), flags })),
    undefined,
  ),
  disk_mounts: omitted(
    list(struct({ id: required(text), guest_path: required(text), fstype: optionalText, flags })),
    undefined,
  ),
  tmpfs_mounts: omitted(
    list(
      struct({
        path: required(text),
        size_mib: omitted(u32, undefined),
        mode: omitted(u32, undefined),
        flags,
      }),
    ),
    undefined,
  ),
  hostname: optionalText,
  host_alias: optionalText,
  network: omitted(network, undefined),
  rlimits: omitted(list(rlimit), undefined),
  user: optionalText,
  default_cwd: optionalText,
  default_env: omitted(list(envVar), undefined),
  security_profile: withDefault(oneOf('default', 'restricted'), 'default'),
  handoff_init: omitted(
    struct({
      cmd: required(text),
      args: omitted(list(text), undefined),
      cwd: optionalText,
      env: omitted(list(envVar), undefined),
    }),
    undefined,
  ),
});

/** The payload bytes of `core.bootstrap` for a bootstrap in its JSON form. */
export function encodeBootstrap(bootstrap: GuestBootstrap): Buffer {
  return encodeCbor(guestBootstrap.encode(bootstrap));
}
