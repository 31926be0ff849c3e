import { EXEC_FAILURE_KINDS, type ExecFailureKind } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { bootErrorNotice } from './boot-error.ts';
import { execErrorNotice } from './exec-error.ts';

describe('boot errors', () => {
  const record = {
    t: '2024-01-01T00:00:00.000Z',
    stage: 'mount',
    errno: 2,
    message: 'no such file',
  } as const;

  it('name stage, way out and log', () => {
    expect(bootErrorNotice('web', record)).toEqual({
      title: 'failed to start "web"',
      bullets: [
        'mount: no such file',
        'the host path for one of the mounts does not exist',
        'run `msb logs --source system web` for full diagnostics',
      ],
    });
  });

  it('carry the hint of the failure itself, and none for other errnos', () => {
    expect(bootErrorNotice('web', { ...record, errno: 5 }, 'install a kernel').bullets).toEqual([
      'mount: no such file',
      'install a kernel',
      'run `msb logs --source system web` for full diagnostics',
    ]);
    expect(bootErrorNotice('web', { ...record, errno: null }).bullets).toHaveLength(2);
  });
});

describe('spawn failures', () => {
  const failure = (kind: ExecFailureKind) => ({
    kind,
    errno: 2,
    errnoName: 'ENOENT',
    message: 'spawn "nope": No such file or directory',
    stage: null,
  });

  it('name the command, the reason and the way out', () => {
    expect(execErrorNotice(failure('not_found'))).toEqual({
      title: 'failed to exec "nope"',
      bullets: [
        'not found: spawn "nope": No such file or directory (ENOENT)',
        'is `nope` on PATH inside the sandbox? Try `msb exec ... -- which nope`',
      ],
      code: 127,
    });
    expect(execErrorNotice({ ...failure('other'), message: 'gone', errno: 5, errnoName: null })).toEqual({
      title: 'failed to exec "<unknown>"',
      bullets: ['exec: gone (errno 5)'],
      code: 1,
    });
  });

  it.each(EXEC_FAILURE_KINDS)('have an exit code and text for %s', (kind) => {
    const { code, bullets } = execErrorNotice(failure(kind));
    const expected = { not_found: 127, permission_denied: 126, not_executable: 126 } as Record<
      string,
      number
    >;
    expect(code).toBe(expected[kind] ?? 1);
    expect(bullets).toHaveLength(kind === 'other' ? 1 : 2);
  });
});
