import { SeededRandom } from '@microsandbox/test-utils';
import { describe, expect, it } from 'vitest';
import type { SecretEntry, SecretsConfig } from '../config/secret-config.ts';
import { HOST_ALIAS } from '../dns/dns-forwarder.ts';
import { BlockedConnection } from './blocked.ts';
import { type ConnectionFacts, planSecrets } from './eligibility.ts';
import { Http1Filter } from './http1-filter.ts';

const HOST = 'api.example.com';

function secret(values: Partial<SecretEntry> = {}): SecretEntry {
  return {
    env_var: 'K',
    value: 's3cr3t',
    placeholder: '$MSB_K',
    allowed_hosts: [{ exact: HOST }],
    injection: { headers: true, basic_auth: true, query_params: false, body: false },
    require_tls_identity: true,
    ...values,
  };
}

const ALL = { headers: true, basic_auth: true, query_params: true, body: true };

const FACTS: ConnectionFacts = { hostName: HOST, isTls: true, resolvedNames: [HOST], isGateway: false };

function config(
  secrets: readonly SecretEntry[],
  onViolation: SecretsConfig['on_violation'] = 'block',
): SecretsConfig {
  return { secrets, on_violation: onViolation };
}

/** A filter for a connection to {@link HOST}, or to another host. */
function filter(secrets: readonly SecretEntry[], facts: Partial<ConnectionFacts> = {}): Http1Filter {
  const known = { ...FACTS, ...facts };
  return new Http1Filter({ plan: planSecrets(config(secrets), known), hostName: known.hostName });
}

function request(lines: readonly string[], body = ''): string {
  return `${[...lines, '', ''].join('\r\n')}${body}`;
}

const get = (...lines: string[]): string => request(['GET / HTTP/1.1', `Host: ${HOST}`, ...lines]);

function send(target: Http1Filter, text: string): string {
  return target.transform(Buffer.from(text, 'latin1')).toString('latin1');
}

/** What the filter says of text that it refuses. */
function refusal(target: Http1Filter, text: string): BlockedConnection {
  try {
    send(target, text);
  } catch (error) {
    if (error instanceof BlockedConnection) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('which secrets may go', () => {
  const plan = (entries: readonly SecretEntry[], facts: Partial<ConnectionFacts> = {}) => {
    const { substitute, forbid } = planSecrets(config(entries), { ...FACTS, ...facts });
    return {
      substitute: substitute.map(({ env_var }) => env_var),
      forbid: forbid.map(({ envVar }) => envVar),
    };
  };

  it('goes by the host, and by the name that led to its address', () => {
    expect(plan([secret()])).toEqual({ substitute: ['K'], forbid: [] });
    expect(plan([secret()], { hostName: 'evil.com', resolvedNames: ['evil.com'] })).toEqual({
      substitute: [],
      forbid: ['K'],
    });
    // A forged server name: the address was never looked up under it.
    expect(plan([secret()], { resolvedNames: [] })).toEqual({ substitute: [], forbid: ['K'] });
    expect(plan([secret()], { resolvedNames: ['evil.com'] })).toEqual({ substitute: [], forbid: ['K'] });
    expect(plan([secret()], { resolvedNames: null })).toEqual({ substitute: ['K'], forbid: [] });
    const wild = secret({ allowed_hosts: [{ wildcard: '*.example.com' }] });
    expect(plan([wild], { resolvedNames: ['cdn.example.com'] })).toEqual({ substitute: ['K'], forbid: [] });
    const any = secret({ allowed_hosts: ['any'] });
    expect(plan([any], { hostName: 'x.com', resolvedNames: [] })).toEqual({ substitute: ['K'], forbid: [] });
  });

  it('lets the host itself have them under its alias', () => {
    const entry = secret({ allowed_hosts: [{ exact: HOST_ALIAS }] });
    const facts = { hostName: HOST_ALIAS, resolvedNames: [], isGateway: true };
    expect(plan([entry], facts).substitute).toEqual(['K']);
    expect(plan([entry], { ...facts, isGateway: false }).substitute).toEqual([]);
  });

  it('neither replaces nor refuses without a certificate, unless none is required', () => {
    expect(plan([secret()], { isTls: false })).toEqual({ substitute: [], forbid: [] });
    expect(plan([secret({ require_tls_identity: false })], { isTls: false }).substitute).toEqual(['K']);
  });

  it('trusts nothing without a host', () => {
    const any = secret({
      env_var: 'ANY',
      placeholder: '$ANY',
      allowed_hosts: ['any'],
      require_tls_identity: false,
    });
    const facts = { hostName: '', isTls: false, resolvedNames: [] };
    expect(plan([secret(), any], facts)).toEqual({ substitute: [], forbid: ['K', 'ANY'] });
    expect(plan([any], facts).substitute).toEqual(['ANY']);
  });

  it('does not look for a placeholder that another secret may have there', () => {
    const other = secret({ env_var: 'OTHER', allowed_hosts: [{ exact: 'else.com' }] });
    expect(plan([secret(), other])).toEqual({ substitute: ['K'], forbid: [] });
  });

  it('does what the secret says about violations, else what all say', () => {
    const action = (entry: SecretEntry, common: SecretsConfig['on_violation'] = 'block') =>
      planSecrets(config([entry], common), { ...FACTS, hostName: 'evil.com' }).forbid[0]?.action;
    expect(action(secret())).toBe('block');
    expect(action(secret({ on_violation: 'block-and-terminate' }))).toBe('block-and-terminate');
    const pass = { passthrough: [{ exact: 'evil.com' }] };
    expect(action(secret({ on_violation: pass }))).toBeUndefined();
    expect(action(secret({ on_violation: { passthrough: [{ exact: 'good.com' }] } }))).toBe('block');
    expect(action(secret(), { passthrough: [] })).toBe('block-and-log');
  });
});

describe('values', () => {
  it('are put into headers and nowhere else', () => {
    const target = filter([secret()]);
    expect(
      send(target, request([`GET /$MSB_K?a=$MSB_K HTTP/1.1`, `Host: ${HOST}`, 'X-Key: a $MSB_K b'])),
    ).toBe(request([`GET /$MSB_K?a=$MSB_K HTTP/1.1`, `Host: ${HOST}`, 'X-Key: a s3cr3t b']));
    const body = request(['POST / HTTP/1.1', `Host: ${HOST}`, 'Content-Length: 6'], '$MSB_K');
    expect(send(target, body)).toBe(body);
  });

  it('are put into basic credentials', () => {
    const encoded = (text: string) => Buffer.from(text).toString('base64');
    expect(send(filter([secret()]), get(`Authorization: Basic ${encoded('u:$MSB_K')}`))).toBe(
      get(`Authorization: Basic ${encoded('u:s3cr3t')}`),
    );
  });

  it('are put into queries and bodies where that is wanted', () => {
    const target = filter([secret({ injection: ALL })]);
    const text = request(['POST /p?k=$MSB_K HTTP/1.1', `Host: ${HOST}`, 'content-length: 10'], '{"$MSB_K"}');
    expect(send(target, text)).toBe(
      request(['POST /p?k=s3cr3t HTTP/1.1', `Host: ${HOST}`, 'Content-Length: 10'], '{"s3cr3t"}'),
    );
    const longer = filter([secret({ injection: ALL, value: 'much longer' })]);
    const posted = request(['POST / HTTP/1.1', `Host: ${HOST}`, 'Content-Length: 6'], '$MSB_K');
    expect(send(longer, posted + get())).toBe(
      request(['POST / HTTP/1.1', `Host: ${HOST}`, 'Content-Length: 11'], 'much longer') + get(),
    );
  });

  it('are put into chunked bodies, also where chunks cut a placeholder', () => {
    const head = ['POST / HTTP/1.1', `Host: ${HOST}`, 'Transfer-Encoding: chunked'];
    const chunked = '4;ext=1\r\na$MS\r\n5\r\nB_Kb$\r\n0\r\nTrailer: x\r\n\r\n';
    const out = send(filter([secret({ injection: ALL })]), request(head, chunked));
    expect(out).toBe(request(head, '1\r\na\r\n7\r\ns3cr3tb\r\n1\r\n$\r\n0\r\nTrailer: x\r\n\r\n'));
  });

  it('come out the same however the bytes come in', () => {
    const text =
      request(['POST /?q=$MSB_K HTTP/1.1', `Host: ${HOST}`, 'X: $MSB_K', 'Content-Length: 8'], '=$MSB_K=') +
      request(
        ['POST / HTTP/1.1', `Host: ${HOST}`, 'Transfer-Encoding: chunked'],
        '6\r\n$MSB_K\r\n0\r\n\r\n',
      ) +
      get('Last: $MSB_K');
    const bodyOf = (out: string): string =>
      // Chunks may be cut elsewhere; what is in them may not differ.
      out.replace(/\r\n\r\n(?:[0-9A-F]+\r\n[^\r]*\r\n)*0\r\n\r\n/, (chunks) =>
        chunks.replace(/[0-9A-F]+\r\n([^\r]*)\r\n/g, '$1'),
      );
    const whole = bodyOf(send(filter([secret({ injection: ALL })]), text));
    expect(whole).not.toContain('MSB_K');
    for (let size = 1; size < 40; size += 1) {
      const target = filter([secret({ injection: ALL })]);
      let out = '';
      for (let at = 0; at < text.length; at += size) out += send(target, text.slice(at, at + size));
      expect(bodyOf(out)).toBe(whole);
    }
  });

  it('are put into a long body that comes byte by byte', () => {
    const body = `$MSB_K${'x'.repeat(300_000)}`;
    const target = filter([secret({ injection: ALL })]);
    send(target, request(['POST / HTTP/1.1', `Host: ${HOST}`, `Content-Length: ${body.length}`]));
    let out = '';
    for (const byte of body) out += send(target, byte);
    expect(out.endsWith(body.replace('$MSB_K', 's3cr3t'))).toBe(true);
  });

  it('that would end their line are not put in', () => {
    const evil = secret({ value: 'a\r\nX-Other: b' });
    expect(refusal(filter([evil]), get('X: $MSB_K')).violation).toBeNull();
    expect(
      refusal(
        filter([secret({ value: 'a b', injection: ALL })]),
        request(['GET /?$MSB_K HTTP/1.1', `Host: ${HOST}`]),
      ).violation,
    ).toBeNull();
  });
});

describe('placeholders on the way to other hosts', () => {
  const away = { hostName: 'evil.com', resolvedNames: ['evil.com'] };
  const evil = (...lines: string[]): string => request(['POST /p HTTP/1.1', 'Host: evil.com', ...lines]);

  it.each<[string, string, string, string]>([
    ['in a header', evil('X: $MSB_K'), 'header', 'raw'],
    ['in a query', request(['GET /?$MSB_K HTTP/1.1', 'Host: evil.com']), 'query', 'raw'],
    ['in a path', request(['GET /$MSB_K HTTP/1.1', 'Host: evil.com']), 'unknown', 'raw'],
    ['percent-encoded', request(['GET /?k=%24MSB_K HTTP/1.1', 'Host: evil.com']), 'query', 'percent_decoded'],
    [
      'in credentials',
      evil(`Authorization: Basic ${Buffer.from('u:$MSB_K').toString('base64')}`),
      'authorization_basic',
      'basic_auth_decoded',
    ],
    ['in a body', `${evil('Content-Length: 6')}$MSB_K`, 'body', 'raw'],
    ['in escaped JSON', `${evil('Content-Length: 11')}\\u0024MSB_K`, 'body', 'json_unescaped'],
    [
      'in a chunked body',
      `${evil('Transfer-Encoding: chunked')}3\r\n$MS\r\n3\r\nB_K\r\n0\r\n\r\n`,
      'body',
      'raw',
    ],
    ['in a trailer', `${evil('Transfer-Encoding: chunked')}0\r\nX: $MSB_K\r\n\r\n`, 'header', 'raw'],
  ])('are found %s', (_, text, location, matchForm) => {
    expect(refusal(filter([secret()], away), text).violation).toEqual({
      action: 'block',
      envVar: 'K',
      placeholder: '$MSB_K',
      location,
      matchForm,
    });
  });

  it('are found in pieces', () => {
    for (let cut = 1; cut < 6; cut += 1) {
      const target = filter([secret()], away);
      send(target, `${evil('Content-Length: 6')}${'$MSB_K'.slice(0, cut)}`);
      expect(refusal(target, '$MSB_K'.slice(cut)).violation).toMatchObject({ location: 'body' });
    }
  });

  it('are found in what is no HTTP, and after an upgrade', () => {
    expect(refusal(filter([secret()], away), '\x01\x02 $MSB_K').violation).toMatchObject({
      location: 'unknown',
    });
    const target = filter([secret()], away);
    send(target, evil('Upgrade: websocket'));
    expect(target.wantsUpgrade).toBe(true);
    target.upgraded();
    expect(send(target, '\x81\r\n\r\n')).toBe('\x81\r\n\r\n');
    expect(refusal(target, 'x$MSB_K').violation).toMatchObject({ matchForm: 'raw' });
  });

  it('say the worst of several', () => {
    const worse = secret({ env_var: 'W', placeholder: '$W', on_violation: 'block-and-terminate' });
    expect(refusal(filter([secret(), worse], away), evil('X: $MSB_K $W')).violation).toMatchObject({
      action: 'block-and-terminate',
      envVar: 'W',
    });
  });

  it('in an encoded body for their own host end the connection too', () => {
    const text = request(
      ['POST / HTTP/1.1', `Host: ${HOST}`, 'Content-Encoding: gzip', 'Content-Length: 6'],
      '$MSB_K',
    );
    expect(refusal(filter([secret({ injection: ALL })]), text).message).toContain('encoded body');
  });

  it('never show a value', () => {
    const error = refusal(filter([secret()], away), evil('X: $MSB_K'));
    expect(JSON.stringify([error.message, error.violation, error.stack])).not.toContain('s3cr3t');
  });
});

describe('requests that servers may read in two ways', () => {
  const post = (...lines: string[]): string => request(['POST / HTTP/1.1', `Host: ${HOST}`, ...lines], 'x');

  it.each<[string, string]>([
    ['for another host', request(['GET / HTTP/1.1', 'Host: other.com'])],
    ['without a host', request(['GET / HTTP/1.1', 'X: y'])],
    ['with two hosts', get(`Host: ${HOST}`)],
    ['with another host in the target', request(['GET http://other.com/ HTTP/1.1', `Host: ${HOST}`])],
    ['with a user in the target', request([`GET http://${HOST}@other.com/ HTTP/1.1`, `Host: ${HOST}`])],
    ['with a target of no form', request(['GET x HTTP/1.1', `Host: ${HOST}`])],
    ['of another version', request(['GET / HTTP/2.0', `Host: ${HOST}`])],
    ['with a bare line feed', `GET / HTTP/1.1\nHost: other.com\n\nX: y\r\n\r\n`],
    ['with a line feed in a header', `GET / HTTP/1.1\r\nHost: ${HOST}\r\nA: b\nHost: other.com\r\n\r\n`],
    ['with a folded header', get('A: b', ' c')],
    ['with a space before a colon', get('A : b')],
    ['with two lengths', post('Content-Length: 1', 'Content-Length: 2')],
    ['with a signed length', post('Content-Length: +1')],
    ['with length and chunks', post('Content-Length: 1', 'Transfer-Encoding: chunked')],
    ['with another coding', post('Transfer-Encoding: gzip, chunked')],
    ['with two codings', post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    [
      'with a chunk size that is none',
      request(['POST / HTTP/1.1', `Host: ${HOST}`, 'Transfer-Encoding: chunked'], '0x1\r\n'),
    ],
    [
      'with a chunk longer than it says',
      request(['POST / HTTP/1.1', `Host: ${HOST}`, 'Transfer-Encoding: chunked'], '1\r\nab\r\n'),
    ],
    [
      'with a chunk line that ends early',
      request(['POST / HTTP/1.1', `Host: ${HOST}`, 'Transfer-Encoding: chunked'], '1\nab\r\n'),
    ],
  ])('are refused: %s', (_, text) => {
    expect(refusal(filter([]), text).violation).toBeNull();
  });

  it('are refused without an end', () => {
    const target = filter([]);
    send(target, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n`);
    expect(() => {
      for (let count = 0; count < 100; count += 1) send(target, `A: ${'x'.repeat(1000)}\r\n`);
    }).toThrow('its head is too long');
    const half = filter([]);
    send(half, 'GET / HT');
    expect(() => half.end()).toThrow('it ends within its head');
  });

  it('are told from those that differ in ways that mean nothing', () => {
    const target = filter([]);
    const odd = `\r\n${request(['GET / HTTP/1.1', `HOST: ${HOST.toUpperCase()}.:443`])}`;
    expect(send(target, odd)).toContain('HOST:');
    expect(send(target, request([`GET http://${HOST}/x HTTP/1.0`, `host: ${HOST}`]))).toContain(
      'GET http://',
    );
    expect(target.request).toEqual({ method: 'GET', path: `http://${HOST}/x`, host: HOST });
    expect(target.end().length).toBe(0);
  });
});

it('bytes of any kind end in a refusal or pass, and never hang', () => {
  const random = new SeededRandom(7);
  const parts = [
    'GET ',
    'POST / HTTP/1.1\r\n',
    `Host: ${HOST}\r\n`,
    'Content-Length: 5\r\n',
    '\r\n',
    '\n',
    '$MSB_K',
    'Transfer-Encoding: chunked\r\n',
    '5\r\n',
    '0\r\n\r\n',
    '\x00',
    'a',
    ': ',
  ];
  for (let round = 0; round < 3000; round += 1) {
    const target = filter([
      secret({ injection: ALL }),
      secret({ env_var: 'N', placeholder: '$N', allowed_hosts: [{ exact: 'n.com' }] }),
    ]);
    try {
      for (let count = random.below(12); count > 0; count -= 1)
        send(target, parts[random.below(parts.length)] ?? '');
      target.end();
    } catch (error) {
      expect(error).toBeInstanceOf(BlockedConnection);
    }
  }
});
