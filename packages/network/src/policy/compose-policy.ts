import { CustomError } from '@microsandbox/types';
import type { PolicyAction, StoredPolicy, StoredRule } from './policy.ts';
import {
  closedPolicy,
  defaultPolicy,
  type NetworkProfile,
  openPolicy,
  PROFILES,
  profilePolicy,
} from './presets.ts';

/** What the options of a command line say about the policy (spec: cli 3.14, network 19.1). */
export interface PolicyRequest {
  /** Values of `--net`, each with commas between profiles. */
  readonly profiles?: readonly string[];
  /** `--no-net`: deny both ways. */
  readonly noNet?: boolean;
  /** `--net-default`. */
  readonly defaultBoth?: PolicyAction;
  readonly defaultEgress?: PolicyAction;
  readonly defaultIngress?: PolicyAction;
  /** `--net-rule`, in their order. */
  readonly rules?: readonly StoredRule[];
}

/** What a list of `--net` values asks for. */
type Base =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | { readonly kind: 'profiles'; readonly profiles: readonly NetworkProfile[] };

/**
 * The policy of a command line, or null when it says nothing about it. Rules alone are put before those of
 * `configured`; anything that names a base replaces it, and only its rules stay, at the end.
 *
 * @throws CustomError for profiles that do not exist or go together
 */
export function composePolicy(request: PolicyRequest, configured?: StoredPolicy): StoredPolicy | null {
  const { rules = [] } = request;
  const kept = configured?.rules ?? [];
  const base = parseProfiles(request.profiles ?? []);
  if (base !== null) {
    const policy = basePolicy(base);
    return { ...policy, rules: [...rules, ...policy.rules, ...kept] };
  }
  const named =
    request.noNet === true ||
    request.defaultBoth !== undefined ||
    request.defaultEgress !== undefined ||
    request.defaultIngress !== undefined;
  if (named) {
    const both = request.noNet ? 'deny' : request.defaultBoth;
    return {
      default_egress: request.defaultEgress ?? both ?? 'deny',
      default_ingress: request.defaultIngress ?? both ?? 'allow',
      rules: [...rules, ...kept],
    };
  }
  if (rules.length === 0) return null;
  const policy = configured ?? defaultPolicy();
  return { ...policy, rules: [...rules, ...policy.rules] };
}

function basePolicy(base: Base): StoredPolicy {
  if (base.kind === 'all') return openPolicy();
  return base.kind === 'none' ? closedPolicy() : profilePolicy(base.profiles);
}

function parseProfiles(values: readonly string[]): Base | null {
  const words = values.flatMap((value) => value.split(',')).map((word) => word.trim());
  if (words.length === 0) return null;
  for (const word of words) {
    if (word === '') {
      throw new CustomError('empty --net profile; expected public, private, host, all, or none');
    }
    if (![...PROFILES, 'all', 'none'].some((known) => known === word)) {
      throw new CustomError(`unknown --net profile "${word}"; expected public, private, host, all, or none`);
    }
  }
  const terminals = words.filter((word): word is 'all' | 'none' => word === 'all' || word === 'none');
  const [terminal] = terminals;
  if (terminal === undefined) {
    return { kind: 'profiles', profiles: PROFILES.filter((profile) => words.includes(profile)) };
  }
  if (terminals.some((word) => word !== terminal)) {
    throw new CustomError('--net terminal profiles `all` and `none` cannot be combined');
  }
  if (terminals.length > 1) throw new CustomError(`--net \`${terminal}\` may only be specified once`);
  if (words.length > 1) {
    throw new CustomError(`--net \`${terminal}\` cannot be combined with public, private, or host`);
  }
  return { kind: terminal };
}
