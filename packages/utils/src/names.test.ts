import { describe, expect, it } from 'vitest';
import { guestMountTag } from './guest-mount-tag.ts';
import { deriveHostname, validateHostname } from './hostname.ts';
import { randomSandboxName, validateSandboxName } from './sandbox-name.ts';

describe('validateSandboxName', () => {
  it.each(['a', '9', 'web.1_x-y', 'A'.repeat(128)])('accepts %s', (name) => {
    expect(() => validateSandboxName(name)).not.toThrow();
  });

  it('refuses an empty name', () => {
    expect(() => validateSandboxName('')).toThrow('invalid config: sandbox name must not be empty');
  });

  it('counts bytes', () => {
    expect(() => validateSandboxName('é'.repeat(65))).toThrow(
      'invalid config: sandbox name must be at most 128 characters: got 130',
    );
  });

  it.each(['.a', '-a', '_a', 'a/b', '..', 'a b', 'ä', 'a\n', 'a\u0000'])('refuses %j', (name) => {
    expect(() => validateSandboxName(name)).toThrow(
      `sandbox name must start with an alphanumeric and contain only alphanumeric, dots, hyphens, and underscores: ${name}`,
    );
  });

  it('accepts generated names', () => {
    const name = randomSandboxName();
    expect(name).toMatch(/^msb-[0-9a-f]{8}$/);
    expect(() => validateSandboxName(name)).not.toThrow();
  });
});

describe('hostname', () => {
  it('passes_short_names_through', () => {
    expect(deriveHostname('short-name')).toBe('short-name');
    expect(deriveHostname('a'.repeat(64))).toBe('a'.repeat(64));
  });

  it('collapses_long_names_to_64_bytes', () => {
    expect(deriveHostname('a'.repeat(65))).toBe(`${'a'.repeat(55)}-635361c4`);
    const collapsed = deriveHostname('a'.repeat(128));
    expect(collapsed).toHaveLength(64);
    expect(collapsed[55]).toBe('-');
    expect(collapsed.slice(-8)).toMatch(/^[0-9a-f]{8}$/);
  });

  it('is_deterministic_and_unique', () => {
    const [first, second] = [`${'n'.repeat(127)}1`, `${'n'.repeat(127)}2`];
    expect(deriveHostname(first)).toBe(deriveHostname(first));
    expect(deriveHostname(first)).not.toBe(deriveHostname(second));
  });

  it('respects_utf8_boundaries', () => {
    expect(deriveHostname('é'.repeat(64))).toBe(`${'é'.repeat(27)}-845836d7`);
  });

  it('accepts_absent_and_64_byte', () => {
    expect(() => validateHostname(null)).not.toThrow();
    expect(() => validateHostname(undefined)).not.toThrow();
    expect(() => validateHostname('y'.repeat(64))).not.toThrow();
  });

  it('rejects_empty', () => {
    expect(() => validateHostname('')).toThrow('invalid config: hostname must not be empty');
  });

  it('rejects_over_64', () => {
    expect(() => validateHostname('y'.repeat(65))).toThrow(
      'invalid config: hostname is too long: 65 bytes (max 64)',
    );
  });
});

describe('guestMountTag', () => {
  it('is the readable start of the path and a hash', () => {
    expect(guestMountTag('/var/lib/docker')).toBe('var_lib_doc_ce73cd33');
    expect(guestMountTag('/').length).toBe(9);
  });
});
