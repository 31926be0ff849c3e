import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { addon } from '@microsandbox/native';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LiveSecrets } from '../secrets/live-secrets.ts';
import { NetworkEngine } from './network-engine.ts';
import { type DeploymentProfile, planNetwork } from './network-plan.ts';

const FAMILIES = { ipv4: true, ipv6: true };

function planOf(document: unknown, profile: DeploymentProfile = 'single_tenant', families = FAMILIES) {
  return planNetwork({ natives: addon(), document, profile, slot: 3, families });
}

/** An engine whose guest never says anything, and what it had to warn of. */
function start(document: unknown, families = FAMILIES) {
  const [frameFd, guestFd] = addon().socketPair();
  onTestFinished(() => closeSync(guestFd));
  const warnings: string[] = [];
  const engine = NetworkEngine.start({
    natives: addon(),
    plan: planOf(document, 'single_tenant', families),
    frameFd,
    tls: null,
    secrets: new LiveSecrets({ secrets: [], on_violation: 'block' }),
    onConnection: () => {},
    onTerminate: () => {},
    onVerdict: () => {},
    onWarning: (message) => warnings.push(message),
  });
  onTestFinished(() => engine.stop());
  return { engine, warnings };
}

describe('a network plan', () => {
  it('has the addresses of its slot and no second policy', () => {
    const { addresses, platformPolicy, warnings } = planOf({});
    expect(addresses).toMatchObject({ ipv4: { guest: '172.16.0.14', gateway: '172.16.0.13' }, mtu: 1500 });
    expect(platformPolicy).toBeNull();
    expect(warnings).toEqual([]);
  });

  it('gives tenants what the host admits, and the platform a say', () => {
    const document = { ports: [{ host_port: 80, guest_port: 80 }], interface: { mac: [2, 0, 0, 0, 0, 9] } };
    const { config, addresses, platformPolicy, warnings } = planOf(document, 'multi_tenant');
    expect(config.ports).toEqual([]);
    expect(addresses.guestMac).toEqual([2, 0x6d, 0x73, 0, 3, 2]);
    expect(platformPolicy?.default_egress).toBe('deny');
    expect(warnings).toHaveLength(1);
  });

  it.each([
    [{ max_connections: 5000 }, 'initialize network: max_connections 5000 exceeds hard limit 4096'],
    [{ rate_limiter: {} }, 'initialize network: rate limiter must configure at least one of'],
    [{ interface: { ipv4_pool: '10.0.0.0/31' } }, 'initialize network: '],
    [{ secrets: { secrets: [{ env_var: '' }] } }, 'initialize network: '],
  ])('is refused for %j', (document, message) => {
    expect(() => planOf(document)).toThrow(message);
  });
});

describe('a network engine', () => {
  it('listens on published ports, takes free ones, and warns of those it cannot have', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { engine, warnings } = start({
      ports: [
        { host_port: 0, guest_port: 80 },
        { host_port: port, guest_port: 81 },
        { host_port: 0, guest_port: 53, protocol: 'udp', host_bind: '0.0.0.0' },
      ],
    });
    expect(engine.ports.map(({ guest_port, protocol }) => [guest_port, protocol])).toEqual([
      [80, 'tcp'],
      [53, 'udp'],
    ]);
    expect(engine.ports.every(({ host_port }) => host_port > 0)).toBe(true);
    expect(warnings).toEqual([
      expect.stringContaining(`published TCP port listener failed: 127.0.0.1:${port} -> 81: `),
      expect.stringContaining('reachable from other machines'),
    ]);
  });

  it('leaves no listener behind', async () => {
    const { engine } = start({ ports: [{ host_port: 0, guest_port: 80 }] });
    const port = engine.ports[0]?.host_port ?? 0;
    const peer = connect(port, '127.0.0.1');
    await once(peer, 'connect');
    peer.on('error', () => {});
    await engine.stop();
    const refused = connect(port, '127.0.0.1');
    const [error] = await once(refused, 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    peer.destroy();
  });

  it('publishes nothing for a guest without addresses', () => {
    const { engine, warnings } = start(
      { ports: [{ host_port: 0, guest_port: 80 }] },
      { ipv4: false, ipv6: false },
    );
    expect(engine.ports).toEqual([]);
    expect(warnings).toEqual(['published ports are skipped: the guest has no address']);
  });
});
