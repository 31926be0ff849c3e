import type { PublishedPortInfo, Sandbox } from 'microsandbox';
import { printWarning } from './notice.ts';

/** Says which of its ports a sandbox runs without, as it does with what could not be bound (spec: network 9). */
export async function warnOfUnpublished(sandbox: Sandbox): Promise<void> {
  const { boot, name } = sandbox;
  if (boot === undefined) return;
  const { network } = (await sandbox.config()) as { readonly network?: { readonly ports?: StoredPort[] } };
  for (const stored of network?.ports ?? []) {
    const wanted = wantedPort(stored);
    if (boot.ports.some((port) => isSame(port, wanted))) continue;
    printWarning(`port ${labelOf(wanted)} is not published`, [
      `msb logs ${name} --source system says why; mostly something else listens there: choose another port`,
    ]);
  }
}

/** A port as it may stand in a configuration: earlier releases wrote `Tcp`, and none when it was the usual one. */
interface StoredPort {
  readonly hostBind?: string;
  readonly hostPort: number;
  readonly guestPort: number;
  readonly protocol?: string;
}

function wantedPort({ hostBind = '127.0.0.1', protocol, ...ports }: StoredPort): PublishedPortInfo {
  return { ...ports, hostBind, protocol: protocol?.toLowerCase() === 'udp' ? 'udp' : 'tcp' };
}

function isSame(port: PublishedPortInfo, wanted: PublishedPortInfo): boolean {
  return (
    port.hostBind === wanted.hostBind &&
    (port.hostPort === wanted.hostPort || wanted.hostPort === 0) &&
    port.guestPort === wanted.guestPort &&
    port.protocol === wanted.protocol
  );
}

function labelOf({ hostBind, hostPort, guestPort, protocol }: PublishedPortInfo): string {
  const host = hostBind.includes(':') ? `[${hostBind}]` : hostBind;
  return `${host}:${hostPort} -> ${guestPort}/${protocol}`;
}
