import { MicrosandboxError } from '@microsandbox/types';

/** One thing that sandboxes need, and how it is here. */
export interface HostCheck {
  readonly name: string;
  /** `warning`: sandboxes boot all the same; `problem`: none can. */
  readonly status: 'ok' | 'warning' | 'problem';
  readonly value: string;
  /** The way out. */
  readonly hint?: string;
  /** Does something about it that cannot harm, and says what it did. */
  readonly fix?: () => Promise<string>;
}

/** A check of something without which nothing boots: what it throws is a problem. */
export async function required(name: string, find: () => Promise<string>): Promise<HostCheck> {
  try {
    return { name, status: 'ok', value: await find() };
  } catch (error) {
    if (!(error instanceof MicrosandboxError)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    return { name, status: 'problem', value: error.message, ...hint };
  }
}
