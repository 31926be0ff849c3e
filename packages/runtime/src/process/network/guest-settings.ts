import type { NetworkFamily } from '@microsandbox/native';
import { HOST_ALIAS, type NetworkPlan } from '@microsandbox/network';
import type { GuestBootstrap } from '@microsandbox/types';

type GuestFamily = NonNullable<NonNullable<GuestBootstrap['network']>['ipv4']>;

/** What a guest is told about its network (spec: network 3). */
export type GuestNetworkSettings = Pick<GuestBootstrap, 'network' | 'host_alias' | 'default_env'>;

/** The network's part of the bootstrap. The variables hold placeholders, never a secret. */
export function guestNetworkSettings({ addresses, config }: NetworkPlan): GuestNetworkSettings {
  const { guestMac, mtu, routeMtu, ipv4, ipv6 } = addresses;
  return {
    host_alias: HOST_ALIAS,
    network: {
      interface: 'eth0',
      mac: [...guestMac],
      mtu,
      // A limit is kept in frames and bytes of the usual size.
      ...(config.rate_limiter === null && routeMtu > mtu && { route_mtu: routeMtu }),
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
