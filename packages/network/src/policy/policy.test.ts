import { describe, expect, it } from 'vitest';
import { assertPolicy } from './assert-policy.ts';
import { composePolicy } from './compose-policy.ts';
import { normalizeDomain, normalizeSuffix } from './domain-name.ts';
import { parseNetRules } from './net-rule.ts';
import type { StoredPolicy } from './policy.ts';
import { policySchema } from './policy-schema.ts';
import {
  closedPolicy,
  defaultPolicy,
  dnsRule,
  egressGroupRule,
  openPolicy,
  profilePolicy,
} from './presets.ts';

const rules = parseNetRules('deny@1.2.3.4');
const configured = { ...openPolicy(), rules: parseNetRules('deny@meta') };

describe('profiles', () => {
  it('make rules in a fixed order, with one for DNS', () => {
    expect(profilePolicy(['host', 'public', 'host'])).toEqual({
      default_egress: 'deny',
      default_ingress: 'allow',
      rules: [dnsRule(), egressGroupRule('public', 'allow'), egressGroupRule('host', 'allow')],
    });
    expect(profilePolicy([]).rules).toEqual([]);
    expect(defaultPolicy()).toEqual(profilePolicy(['public']));
  });

  it('deny what a stored policy does not say', () => {
    expect(policySchema.parse({})).toEqual(closedPolicy());
  });
});

describe('the policy of a command line', () => {
  it('is nobody’s business when nothing is said', () => {
    expect(composePolicy({})).toBeNull();
    expect(composePolicy({}, configured)).toBeNull();
  });

  it('puts rules alone before what is configured', () => {
    expect(composePolicy({ rules })).toEqual({
      ...defaultPolicy(),
      rules: [...rules, ...defaultPolicy().rules],
    });
    expect(composePolicy({ rules }, configured)).toEqual({
      ...configured,
      rules: [...rules, ...configured.rules],
    });
  });

  it('replaces the base when one is named, and keeps configured rules at the end', () => {
    const publicRules = profilePolicy(['public']).rules;
    expect(composePolicy({ profiles: ['public'], rules }, configured)).toEqual({
      default_egress: 'deny',
      default_ingress: 'allow',
      rules: [...rules, ...publicRules, ...configured.rules],
    });
    expect(composePolicy({ profiles: ['all'] })).toEqual(openPolicy());
    expect(composePolicy({ profiles: ['none'], rules })).toEqual({ ...closedPolicy(), rules });
    expect(composePolicy({ noNet: true, rules })).toEqual({ ...closedPolicy(), rules });
    expect(composePolicy({ defaultEgress: 'allow' })).toEqual({
      default_egress: 'allow',
      default_ingress: 'allow',
      rules: [],
    });
    expect(composePolicy({ defaultBoth: 'deny', defaultIngress: 'allow' })).toMatchObject({
      default_egress: 'deny',
      default_ingress: 'allow',
    });
  });

  it.each([
    [[''], 'empty --net profile; expected public, private, host, all, or none'],
    [['public,'], 'empty --net profile; expected public, private, host, all, or none'],
    [['open'], 'unknown --net profile "open"; expected public, private, host, all, or none'],
    [['all', 'all'], '--net `all` may only be specified once'],
    [['all,none'], '--net terminal profiles `all` and `none` cannot be combined'],
    [['all', 'public'], '--net `all` cannot be combined with public, private, or host'],
  ])('%j: %s', (profiles, message) => {
    expect(() => composePolicy({ profiles })).toThrow(message);
  });
});

describe('domain names', () => {
  it('are compared in one form', () => {
    expect(normalizeDomain('.API.Example_1.com.')).toBe('api.example_1.com');
    expect(normalizeDomain('bücher.example')).toBe('xn--bcher-kva.example');
    expect(normalizeSuffix('.myco.com')).toBe('myco.com');
  });

  it.each([
    ['...', 'domain name is empty'],
    ['a b.com', 'invalid domain name: label "a b"'],
    [`${'a'.repeat(64)}.com`, 'invalid domain name: label longer than 63 bytes'],
    [`${'a.'.repeat(140)}com`, 'invalid domain name: longer than 255 bytes'],
    ['a..com', 'invalid domain name: label ""'],
    ['*.com', 'invalid domain name: label "*"'],
  ])('%j is none: %s', (text, message) => {
    expect(() => normalizeDomain(text)).toThrow(message);
  });

  it('cover no whole top-level domain', () => {
    expect(() => normalizeSuffix('COM')).toThrow('suffix `com` is a single DNS label');
  });
});

describe('policies of programs', () => {
  const rule = { ...dnsRule() };

  it('are admitted when their words are known', () => {
    expect(() => assertPolicy(defaultPolicy())).not.toThrow();
    expect(() => assertPolicy({ ...openPolicy(), rules })).not.toThrow();
  });

  it.each([
    [{ default_egress: 'maybe' }, 'default_egress: `maybe`, expected allow | deny'],
    [{ rules: [{ ...rule, direction: 'up' }] }, 'rule #0: direction: `up`'],
    [{ rules: [rule, { ...rule, protocols: ['sctp'] }] }, 'rule #1: protocol: `sctp`'],
    [{ rules: [{ ...rule, ports: [{ start: 2, end: 1 }] }] }, 'rule #0: invalid port range 2..1'],
    [{ rules: [{ ...rule, destination: { group: 'all' } }] }, 'rule #0: group: `all`'],
    [{ rules: [{ ...rule, destination: { cidr: '10/8' } }] }, 'rule #0: invalid CIDR `10/8`'],
  ])('%j: %s', (wrong, message) => {
    expect(() => assertPolicy({ ...closedPolicy(), ...wrong } as StoredPolicy)).toThrow(message);
  });
});
