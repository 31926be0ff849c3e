import { describe, expect, it } from 'vitest';
import { inheritedEnv, sandboxProcessCommand } from './sandbox-process-command.ts';

describe('inheritedEnv', () => {
  it('lets our settings through and keeps everything else of the user', () => {
    const env = {
      PATH: '/bin',
      MSB_ACCEL: 'tcg',
      MSB_API_KEY: 'secret',
      AWS_SECRET_ACCESS_KEY: 'secret',
      NODE_OPTIONS: '--inspect',
    };
    expect(inheritedEnv(env)).toEqual({ PATH: '/bin', MSB_ACCEL: 'tcg' });
  });
});

describe('sandboxProcessCommand', () => {
  it('runs the bundle under this Node with the compile cache in the home', () => {
    const { program, args, env } = sandboxProcessCommand('/home/x/cache');
    expect(program).toBe(process.execPath);
    expect(args.at(-1)).toMatch(/\/runtime\/dist\/sandbox-process\.cjs$/);
    expect(args).not.toContain('--disable-sigusr1');
    expect(env['NODE_COMPILE_CACHE']).toBe(process.env['NODE_COMPILE_CACHE'] ?? '/home/x/cache/compile');
  });
});
