import { describe, expect, it } from 'vitest';
import { listedPolicy } from './listed-policy.ts';
import { defaultPolicy, openPolicy } from './presets.ts';

describe('a policy out of lists', () => {
  it('is nothing when they are empty', () => {
    expect(listedPolicy({ allow: [], deny: [] })).toBeNull();
  });

  it('has its denials before the rules of the preset', () => {
    const { rules, ...defaults } = listedPolicy({ deny: ['1.2.3.4', 'a.com:tcp:80-90'] }) ?? openPolicy();
    const { rules: base, ...baseDefaults } = defaultPolicy();
    expect(defaults).toEqual(baseDefaults);
    expect(rules.slice(2)).toEqual(base);
    expect(rules[1]).toMatchObject({ action: 'deny', protocols: ['tcp'], ports: [{ start: 80, end: 90 }] });
  });

  it('lets out only what it allows, as soon as that is something', () => {
    expect(listedPolicy({ policy: 'open', allow: ['dns'] })).toMatchObject({
      default_egress: 'deny',
      default_ingress: 'allow',
      rules: [{ action: 'allow', destination: { group: 'host' } }],
    });
  });

  it('refuses what is no target', () => {
    expect(() => listedPolicy({ deny: ['a.com:80'] })).toThrow('is a port, not a protocol');
  });
});
