/** What is read of a sandbox; lists know states of later releases too. */
interface HasStatus {
  readonly status: string;
}

/** Whether a machine serves the sandbox, so that it has an agent and settings of its own: it runs, or is about to end. */
export function machineIsUp({ status }: HasStatus): boolean {
  return status === 'running' || status === 'draining';
}
