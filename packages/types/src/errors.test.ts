import { describe, expect, it, vi } from 'vitest';
import { ExecTimeoutError, IoError, MicrosandboxError, SandboxNotFoundError } from './errors.ts';

describe('MicrosandboxError', () => {
  it('carries code, name, message and hint', () => {
    const error = new SandboxNotFoundError('sandbox not found: web', { hint: 'create it first' });
    expect(error).toMatchObject({
      code: 'sandboxNotFound',
      name: 'SandboxNotFoundError',
      message: 'sandbox not found: web',
      hint: 'create it first',
    });
  });

  it('is an instance of its own class and of the base, and of no sibling', () => {
    const error: unknown = new SandboxNotFoundError('x');
    expect(error instanceof MicrosandboxError).toBe(true);
    expect(error instanceof SandboxNotFoundError).toBe(true);
    expect(error instanceof IoError).toBe(false);
    expect(new Error('x') instanceof MicrosandboxError).toBe(false);
  });

  it('is recognised across two copies of the package', async () => {
    vi.resetModules();
    const copy = await import('./errors.ts');
    const foreign: unknown = new copy.SandboxNotFoundError('x');
    expect(copy.SandboxNotFoundError).not.toBe(SandboxNotFoundError);
    expect(foreign instanceof SandboxNotFoundError).toBe(true);
    expect(foreign instanceof IoError).toBe(false);
  });

  it('keeps the time-out of an expired command', () => {
    expect(new ExecTimeoutError('exec timed out after 250ms', 250).timeoutMs).toBe(250);
  });
});
