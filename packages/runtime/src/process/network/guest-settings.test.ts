import { addon } from '@microsandbox/native';
import { planNetwork } from '@microsandbox/network';
import { expect, it } from 'vitest';
import { guestNetworkSettings } from './guest-settings.ts';

const RATES = { egress: { bandwidth: { size: 1000, refill_time_ms: 1000 } } };

/** The MTU of the guest's routes with this configuration and monitor. */
function routeMtu(document: object, driver: 'krun' | 'qemu' = 'qemu'): number | undefined {
  const families = { ipv4: true, ipv6: true };
  const plan = planNetwork({ natives: addon(), document, profile: 'single_tenant', slot: 1, families });
  return guestNetworkSettings(plan, driver).network?.route_mtu;
}

it('offers large segments to a card that takes them, where nothing says otherwise', () => {
  expect(routeMtu({})).toBe(32_768);
  expect(routeMtu({}, 'krun')).toBeUndefined();
  expect(routeMtu({ rate_limiter: RATES })).toBeUndefined();
  expect(routeMtu({ interface: { mtu: 1400 } })).toBeUndefined();
});
