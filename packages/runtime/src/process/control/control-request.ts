import * as z from 'zod';

const change = z.discriminatedUnion('change', [
  z.object({ change: z.literal('rotate'), name: z.string(), value: z.string() }),
  z.object({ change: z.literal('remove'), name: z.string() }),
  z.object({ change: z.literal('set_allowed_hosts'), name: z.string(), hosts: z.array(z.string()) }),
]);

const request = z.discriminatedUnion('op', [
  z.object({ op: z.literal('capabilities') }),
  z.object({ op: z.literal('memory_target'), total_mib: z.number().int().nonnegative() }),
  z.object({ op: z.literal('memory_state') }),
  z.object({ op: z.literal('cpu_target'), online: z.number().int().nonnegative() }),
  z.object({ op: z.literal('cpu_state') }),
  z.object({ op: z.literal('secrets_update'), changes: z.array(change) }),
]);

/** One change of a secret of a running sandbox. */
export type SecretChange = z.infer<typeof change>;

/** What a client of `control.sock` asks for (spec: runtime A8). */
export type ControlRequest = z.infer<typeof request>;

/**
 * Reads one line.
 *
 * @throws Error with what is wrong about it, which never quotes a value: it may be a secret
 */
export function parseControlRequest(line: string): ControlRequest {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Error('not JSON');
  }
  const parsed = request.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`${issue?.path.join('.') || 'op'}: ${issue?.message ?? 'invalid'}`);
}
