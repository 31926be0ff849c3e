import type { PlannedChange, SandboxModificationPlan } from 'microsandbox';
import { describe, expect, it } from 'vitest';
import { painter } from '../output/colour.ts';
import { parseSecret, parseSecrets } from '../values/secret.ts';
import { blockerOf } from './blockers.ts';
import { planJson } from './plan-json.ts';
import { planTable, resizeTable } from './plan-tables.ts';
import { requestedChanges, typedChanges } from './requested-changes.ts';

const plain = painter(false);

const memory: PlannedChange = {
  kind: 'config',
  field: 'memory',
  change: 'updated',
  before: '512 MiB',
  after: '1 GiB',
  disposition: 'requires restart',
};
const label: PlannedChange = {
  kind: 'config',
  field: 'label',
  change: 'added',
  after: 'a=b',
  disposition: 'next start',
};
const secret: PlannedChange = {
  kind: 'secret',
  field: 'secret',
  name: 'KEY',
  change: 'added',
  allowHosts: ['a.com'],
  disposition: 'unsupported',
  reason: 'no network',
};

function plan(values: Partial<SandboxModificationPlan> = {}): SandboxModificationPlan {
  return {
    sandbox: 'web',
    status: 'running',
    applied: false,
    policy: 'no_restart',
    changes: [],
    conflicts: [],
    warnings: [],
    resizeStatus: [],
    ...values,
  };
}

describe('requested changes', () => {
  it('are read from the options', () => {
    expect(
      requestedChanges({
        cpus: 2,
        memory: '1G',
        rootDisk: '8G',
        env: ['A=1', 'B='],
        labelRm: ['x'],
        secret: ['KEY@a.com', 'KEY@b.com, c.com'],
        nextStart: true,
      }),
    ).toEqual({
      cpus: 2,
      memory: 1024,
      rootDiskSize: 8192,
      env: { A: '1', B: '' },
      labelsRemove: ['x'],
      secrets: { KEY: { env: 'KEY', allowedHosts: ['a.com', 'b.com', 'c.com'] } },
      policy: 'next_start',
    });
  });

  it.each([
    [{ env: ['A'] }, '--env must be KEY=VALUE'],
    [{ env: ['=1'] }, '--env key must not be empty'],
    [{ label: ['A'] }, '--label must be KEY=VALUE'],
    [{ memory: 'lots' }, 'invalid size (expected e.g. 512M, 1G): invalid digit found in string'],
  ])('%j: %s', (options, message) => {
    expect(() => requestedChanges(options)).toThrow(message);
  });

  it('can be repeated', () => {
    expect(typedChanges({ workdir: '/w', memory: '1G', labelRm: ['x', 'y'], restart: true })).toBe(
      '--memory 1G --label-rm x --label-rm y --workdir /w',
    );
  });
});

describe('secrets', () => {
  it('are split at the last @', () => {
    expect(parseSecret('A@B@h.com, *.x', 'run')).toEqual({ env: 'A@B', hosts: ['h.com', '*.x'] });
    expect([...parseSecrets(['A@x', 'B@y', 'A@z'], 'run')]).toEqual([
      ['A', ['x', 'z']],
      ['B', ['y']],
    ]);
  });

  it.each([
    ['A=topsecret@h', 'inline secret values (`ENV=VALUE@HOST`) are not supported by `run`'],
    ['A', 'secret must be in format ENV@HOST[,HOST...]'],
    ['A@', 'secret must be in format ENV@HOST[,HOST...] (all parts required)'],
    ['@h', 'secret must be in format ENV@HOST[,HOST...] (all parts required)'],
  ])('%s is none', (text, message) => {
    expect(() => parseSecret(text, 'run')).toThrow(message);
    expect(() => parseSecret(text, 'run')).not.toThrow('topsecret');
  });
});

describe('blockers', () => {
  it('are conflicts before anything else', () => {
    const conflicts = [{ field: 'cpus', message: 'cpus must be greater than 0' }];
    expect(blockerOf(plan({ conflicts, changes: [secret] }), '')).toEqual({
      title: 'cannot modify "web"',
      bullets: ['cpus must be greater than 0', 'no changes were applied'],
    });
  });

  it('are changes that cannot be', () => {
    expect(blockerOf(plan({ changes: [memory, secret] }), '')).toEqual({
      title: 'cannot apply this modification to "web" yet',
      bullets: ['secret KEY: no network', 'no changes were applied'],
    });
  });

  it('are restarts that nobody allowed', () => {
    expect(blockerOf(plan({ changes: [memory] }), '--memory 1G')).toEqual({
      title: 'cannot modify "web" without a restart',
      bullets: [
        'memory requires restart: 512 MiB -> 1 GiB',
        'no changes were applied',
        'run `msb modify web --memory 1G --restart` to apply now',
        'run `msb modify web --memory 1G --next-start` to save for the next start',
      ],
    });
    expect(blockerOf(plan({ changes: [memory], policy: 'restart' }), '')).toBeNull();
    expect(blockerOf(plan({ changes: [label] }), '')).toBeNull();
  });
});

describe('what is printed', () => {
  it('is a table, with effects while the sandbox lives', () => {
    expect(planTable(plan({ changes: [memory, label] }), plain)).toBe(
      'FIELD     CHANGE     BEFORE     AFTER    EFFECT\n' +
        'memory    updated    512 MiB    1 GiB    requires restart\n' +
        'label     added      -          a=b      next start\n',
    );
    expect(planTable(plan({ status: 'stopped', changes: [label] }), plain)).toBe(
      'FIELD    CHANGE    BEFORE    AFTER\nlabel    added     -         a=b\n',
    );
    expect(planTable(plan(), plain)).toBe('');
  });

  it('tells what the machine has not yet done', () => {
    const status = { resource: 'cpus', requested: '4', actual: '2', enforced: '2' } as const;
    expect(resizeTable(plan({ resizeStatus: [{ ...status, state: 'applied' }] }), plain)).toBe('');
    expect(resizeTable(plan({ resizeStatus: [{ ...status, state: 'converging' }] }), plain)).toContain(
      'cpus     4            2         2           converging',
    );
  });

  it('is JSON in the order of its declaration', () => {
    const json = planJson(plan({ changes: [memory, secret] }));
    expect(Object.keys(JSON.parse(json))).toEqual([
      'sandbox',
      'status',
      'applied',
      'policy',
      'changes',
      'conflicts',
      'warnings',
    ]);
    expect(JSON.parse(json).changes[1]).toEqual({
      kind: 'secret',
      field: 'secret',
      name: 'KEY',
      change: 'added',
      disposition: 'unsupported',
      allow_hosts: ['a.com'],
      reason: 'no network',
    });
  });
});
