import { RuntimeError, type VmExit } from '@microsandbox/types';

/** A monitor ended before it could be asked anything. */
export class MachineEnded extends RuntimeError {
  readonly exit: VmExit;

  constructor(message: string, exit: VmExit) {
    super(message);
    this.exit = exit;
  }

  /** By shape: what starts the machine and what judges its end are bundles of their own. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof RuntimeError && 'exit' in value;
  }
}
