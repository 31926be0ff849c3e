import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** On a thread of its own: reading a store of some hundred certificates takes tens of milliseconds. */
const READER =
  "require('node:worker_threads').parentPort.postMessage(require('node:tls').getCACertificates('system'))";

/** Certificates that the operating system trusts, as PEM with LF, each once. */
export async function hostRoots(): Promise<string[]> {
  const reader = new Worker(READER, { eval: true });
  // `once` rejects when the thread fails instead.
  const [pems] = (await once(reader, 'message')) as [string[]];
  return distinctCertificates(pems);
}

/** Certificates without those that say the same bytes again; what is none is left out. */
export function distinctCertificates(pems: readonly string[]): string[] {
  const byContent = new Map<string, string>();
  for (const pem of pems) {
    const [certificate] = certificatesIn(pem);
    if (certificate === undefined) continue;
    const content = certificate.replaceAll(/\s/g, '');
    if (!byContent.has(content)) byContent.set(content, `${certificate.replaceAll('\r', '')}\n`);
  }
  return [...byContent.values()];
}

/** The certificates in a file, in its order. */
export function certificatesIn(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
