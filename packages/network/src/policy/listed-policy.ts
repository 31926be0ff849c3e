import { parseNetRule } from './net-rule.ts';
import type { PolicyAction, StoredPolicy, StoredRule } from './policy.ts';
import { closedPolicy, defaultPolicy, openPolicy } from './presets.ts';

/** Names that configuration files have for whole policies. */
export const POLICY_PRESETS = ['none', 'public', 'open'] as const;
export type PolicyPreset = (typeof POLICY_PRESETS)[number];

/** A policy as configuration files describe it: a preset, and targets of rules (spec: network 19.3). */
export interface PolicyLists {
  /** `public` when not given. */
  readonly policy?: PolicyPreset | undefined;
  /** Targets such as `example.com:tcp:443`. One is enough, and nothing else is let out, name servers included. */
  readonly allow?: readonly string[] | undefined;
  readonly deny?: readonly string[] | undefined;
}

/**
 * The policy that lists stand for; null when they say nothing.
 *
 * @throws CustomError for a target that is none
 */
export function listedPolicy({ policy, allow = [], deny = [] }: PolicyLists): StoredPolicy | null {
  if (policy === undefined && allow.length === 0 && deny.length === 0) return null;
  const base = preset(policy ?? 'public');
  const rules = [...rulesOf('deny', deny), ...rulesOf('allow', allow)];
  if (allow.length === 0) return { ...base, rules: [...rules, ...base.rules] };
  return { ...base, default_egress: 'deny', rules };
}

function rulesOf(action: PolicyAction, targets: readonly string[]): StoredRule[] {
  return targets.flatMap((target) => parseNetRule(`${action}@${target}`));
}

function preset(name: PolicyPreset): StoredPolicy {
  switch (name) {
    case 'none':
      return closedPolicy();
    case 'public':
      return defaultPolicy();
    case 'open':
      return openPolicy();
  }
}
