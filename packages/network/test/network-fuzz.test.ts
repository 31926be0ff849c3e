import { fuzz, mutated, refusedWith } from '@microsandbox/test-utils/fuzz';
import { CustomError } from '@microsandbox/types';
import { encode } from 'dns-packet';
import { expect } from 'vitest';
import { readConnectHead } from '../src/connections/connect-head.ts';
import { addressesOf, insertOf, readAnswer } from '../src/dns/answer.ts';
import { readQuestion } from '../src/dns/question.ts';
import { formatErrorReply } from '../src/dns/replies.ts';
import { formatNetRule } from '../src/policy/format-net-rule.ts';
import { parseNetRules } from '../src/policy/net-rule.ts';
import { BlockedConnection } from '../src/secrets/blocked.ts';
import { canBeRequest, formatHead, framingOf, parseHead } from '../src/secrets/http1-head.ts';
import { readHelloName } from '../src/tls/client-hello.ts';
import { clientHelloOf } from '../test-support/client-hello-of.ts';

const question = { type: 'A' as const, name: 'www.example.com' };
const MESSAGES = [
  encode({ type: 'query', id: 7, flags: 0x0100, questions: [question] }),
  encode({
    type: 'response',
    id: 7,
    questions: [question],
    answers: [
      { type: 'CNAME', name: question.name, ttl: 60, data: 'edge.example.net' },
      { type: 'A', name: 'edge.example.net', ttl: 30, data: '192.0.2.7' },
      { type: 'AAAA', name: 'edge.example.net', ttl: 30, data: '2001:db8::7' },
      { type: 'TXT', name: question.name, data: 'text' },
    ],
  }),
];

fuzz({
  name: 'DNS messages',
  count: 3000,
  input: (random) => mutated(random, random.pick(MESSAGES)),
  check: (message) => {
    const asked = readQuestion(message);
    const answer = readAnswer(message);
    for (const address of answer === null ? [] : addressesOf(answer))
      expect(address).toMatch(/^[0-9a-f:.]+$/);
    if (asked === null || asked === 'count') return;
    expect(asked.bytes.length).toBeLessThanOrEqual(message.length);
    if (asked.name !== null) expect(asked.name).toMatch(/^[^\0\s]*$/);
    insertOf(asked, answer);
    formatErrorReply(message);
  },
});

const hello = await clientHelloOf('api.example.com');

fuzz({
  name: 'server names of TLS clients',
  count: 3000,
  input: (random) => mutated(random, hello),
  check: (bytes) => {
    const found = readHelloName(bytes);
    if (found.kind === 'name' && found.name !== null) expect(found.name.length).toBeLessThan(bytes.length);
  },
});

const HEADS = [
  'GET /a?b=c HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer $TOKEN\r\nAccept: */*',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X',
  'PUT /x HTTP/1.0\r\nHost: a:80\r\nContent-Length: 12\r\nExpect: 100-continue',
  'CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: a',
].map((text) => Buffer.from(text));

fuzz({
  name: 'HTTP heads',
  count: 5000,
  input: (random) => mutated(random, random.pick(HEADS)),
  check: (bytes) => {
    const text = bytes.toString('latin1');
    canBeRequest(text);
    refusedWith(BlockedConnection, () => {
      const head = parseHead(text);
      // What goes on to a server is what was checked.
      const written = formatHead(head).toString('latin1');
      expect(parseHead(written.slice(0, -4))).toEqual(head);
      const framing = framingOf(head);
      if (framing.kind === 'length') expect(framing.length).toBeGreaterThanOrEqual(0);
    });
    refusedWith(BlockedConnection, () => {
      const { host, port } = readConnectHead(text);
      expect(host).not.toBe('');
      expect(port).toBeGreaterThan(0);
      expect(port).toBeLessThanOrEqual(65_535);
    });
  },
});

const RULES = [
  'allow@api.example.com:tcp:443,deny@private',
  'deny:ingress@10.0.0.0/8:udp:1-1024',
  'allow:any@suffix=example.com:any',
  'allow@[2001:db8::]/32:tcp:80',
  'allow@domain=localhost, deny@any',
].map((text) => Buffer.from(text));

fuzz({
  name: 'policy text',
  count: 5000,
  input: (random) => mutated(random, random.pick(RULES)),
  check: (bytes) => {
    refusedWith(CustomError, () => {
      const rules = parseNetRules(bytes.toString('utf8'));
      const written = rules.flatMap(formatNetRule).join(',');
      // What is shown of a rule is the rule.
      expect(parseNetRules(written).flatMap(formatNetRule).join(',')).toBe(written);
    });
  },
});
