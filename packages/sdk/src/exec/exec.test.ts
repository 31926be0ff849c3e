import { sandboxConfigSchema } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { parseDetachKeys } from './detach-keys.ts';
import { DetachMatcher } from './detach-matcher.ts';
import { ExecOutput } from './exec-output.ts';
import { execRequestOf, terminalType } from './exec-request.ts';

const config = (runtime = {}) =>
  sandboxConfigSchema.parse({
    name: 'x',
    image: { Oci: { reference: 'a' } },
    env: [{ key: 'A', value: 'sandbox' }],
    runtime,
  });
const program = { cmd: 'ls', args: ['-l'], env: {}, tty: false, rlimits: [] };

describe('execRequestOf', () => {
  it('falls back to the sandbox, then to /', () => {
    expect(execRequestOf(config(), program, undefined)).toEqual({
      cmd: 'ls',
      args: ['-l'],
      env: ['A=sandbox'],
      cwd: '/',
      user: null,
      tty: false,
      rows: 24,
      cols: 80,
      rlimits: [],
    });
    const request = execRequestOf(config({ workdir: '/w', user: 'u' }), program, undefined);
    expect(request).toMatchObject({ cwd: '/w', user: 'u' });
  });

  it('prefers what the program says', () => {
    const own = { ...program, env: { A: 'own', B: '1' }, cwd: '/c', user: 'root' };
    expect(execRequestOf(config({ workdir: '/w' }), own, undefined)).toMatchObject({
      env: ['A=own', 'B=1'],
      cwd: '/c',
      user: 'root',
    });
  });

  it('names a terminal type only on a terminal without one', () => {
    const env = (extra: object, term?: string) => execRequestOf(config(), { ...program, ...extra }, term).env;
    expect(env({ tty: true }, 'wezterm')).toContain('TERM=wezterm');
    expect(env({ tty: true, env: { TERM: 'own' } }, 'wezterm')).toEqual(['A=sandbox', 'TERM=own']);
    expect(env({}, 'wezterm')).toEqual(['A=sandbox']);
  });

  it('refuses a soft limit above its hard one', () => {
    const rlimits = [{ resource: 'nofile', soft: 2, hard: 1 }] as const;
    expect(() => execRequestOf(config(), { ...program, rlimits }, undefined)).toThrow(
      'invalid config: rlimit nofile: soft (2) must not exceed hard (1)',
    );
  });
});

describe('terminal type', () => {
  it('default_tty_term_prefers_host_term', () => {
    expect(terminalType('wezterm')).toBe('wezterm');
  });

  it('default_tty_term_falls_back_from_dumb', () => {
    expect(['dumb', ' ', '', undefined].map(terminalType)).toEqual(['xterm', 'xterm', 'xterm', 'xterm']);
  });
});

describe('detach keys', () => {
  it.each([
    ['ctrl-]', [0x1d]],
    ['ctrl-p,ctrl-q', [0x10, 0x11]],
    ['ctrl-A', [0x01]],
    ['~,.', [0x7e, 0x2e]],
    ['ctrl-@', [0]],
  ])('reads %s', (spec, keys) => {
    expect([...parseDetachKeys(spec)]).toEqual(keys);
  });

  it.each(['', 'ctrl-', 'ctrl-1', 'ab', 'é', 'ctrl-p,,'])('refuses %j', (spec) => {
    expect(() => parseDetachKeys(spec)).toThrow('invalid config: invalid detach key: ');
  });

  it('are found across pieces, and handed on when they are not them', () => {
    const matcher = new DetachMatcher(parseDetachKeys('ctrl-p,ctrl-q'));
    const push = (...bytes: number[]) => {
      const { forward, detached } = matcher.push(Uint8Array.from(bytes));
      return [[...forward], detached];
    };
    expect(push(1, 0x10)).toEqual([[1], false]);
    expect(push(2)).toEqual([[0x10, 2], false]);
    expect(push(0x10, 0x10)).toEqual([[0x10], false]);
    expect(push(0x11, 9)).toEqual([[], true]);
  });
});

describe('ExecOutput', () => {
  it('decodes text without failing, and hands out copies', () => {
    const output = new ExecOutput({
      code: 0,
      signal: null,
      stdout: Uint8Array.of(0x61, 0xff),
      stderr: Uint8Array.of(0x62),
      omittedBytes: 0,
    });
    expect([output.stdout(), output.stderr(), output.success]).toEqual(['a\ufffd', 'b', true]);
    output.stdoutBytes()[0] = 0;
    expect(output.stdout()).toBe('a\ufffd');
  });
});
