import type { ValuePath } from './yaml-document.ts';

/** Reports what is wrong with the string at a path. */
export type Complain = (path: ValuePath, problem: string) => Error;

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/y;
const WHOLE_REFERENCE = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/;

export interface EnvironmentOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly complain: Complain;
  /** Whether the string at this path may stay a reference, to be followed later. */
  readonly mayStay: (path: ValuePath) => boolean;
}

/** Puts variables in place of `${NAME}` in every string value; keys stay (spec: cli 5). */
export function withEnvironment(value: unknown, options: EnvironmentOptions, path: ValuePath = []): unknown {
  if (typeof value === 'string') {
    if (WHOLE_REFERENCE.test(value) && options.mayStay(path)) return value;
    return substituted(value, path, options);
  }
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => withEnvironment(item, options, [...path, index]));
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, item]) => [key, withEnvironment(item, options, [...path, key])]),
  );
}

function substituted(text: string, path: ValuePath, { environment, complain }: EnvironmentOptions): string {
  let result = '';
  let at = 0;
  for (let open = text.indexOf('${'); open !== -1; open = text.indexOf('${', at)) {
    REFERENCE.lastIndex = open;
    const [reference, name] = REFERENCE.exec(text) ?? [];
    if (reference === undefined || name === undefined) {
      const close = text.indexOf('}', open);
      if (close === -1) throw complain(path, `unclosed environment reference in ${JSON.stringify(text)}`);
      const expression = text.slice(open, close + 1);
      const problem = `unsupported environment expression \`${expression}\`; only \`\${NAME}\` is allowed`;
      throw complain(path, problem);
    }
    const value = environment[name];
    if (value === undefined) throw complain(path, `environment variable "${name}" is not set`);
    result += text.slice(at, open) + value;
    at = open + reference.length;
  }
  return result + text.slice(at);
}
