import type { NetworkFamily } from '@microsandbox/native';
import { HOST_ALIAS, type NetworkPlan } from '@microsandbox/network';
import type { GuestBootstrap, VmmChoice } from '@microsandbox/types';

type GuestFamily = NonNullable<NonNullable<GuestBootstrap['network']>['ipv4']>;

/** What a guest is told about its network (spec: network 3). */
export type GuestNetworkSettings = Pick<GuestBootstrap, 'network' | 'host_alias' | 'default_env'>;

/**
 * The network's part of the bootstrap. The variables hold placeholders, never a secret.
 *
 * Large segments need a card that puts a frame into several of the guest's buffers (VIRTIO_NET_F_MRG_RXBUF): QEMU's
 * does, libkrun's without offloads does not. A rate limit is kept in frames and bytes of the usual size.
 */
export function guestNetworkSettings(
  { addresses, config }: NetworkPlan,
  driver: VmmChoice['driver'],
): GuestNetworkSettings {
  const { guestMac, mtu, routeMtu, ipv4, ipv6 } = addresses;
  const isLarge = driver === 'qemu' && config.rate_limiter === null && routeMtu > mtu;
  return {
    host_alias: HOST_ALIAS,
    network: {
      interface: 'eth0',
      mac: [...guestMac],
      mtu,
      ...(isLarge && { route_mtu: routeMtu }),
      ...(ipv4 !== null && { ipv4: guestFamily(ipv4) }),
      ...(ipv6 !== null && { ipv6: guestFamily(ipv6) }),
    },
    default_env: config.secrets.secrets.map(({ env_var, placeholder }) => ({
      key: env_var,
      value: placeholder,
    })),
  };
}

function guestFamily({ guest, prefixLength, gateway }: NetworkFamily): GuestFamily {
  return { address: guest, prefix_len: prefixLength, gateway, dns: gateway };
}
