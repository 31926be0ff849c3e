import {
  composePolicy,
  type PolicyAction,
  type PolicyRequest,
  parseNetRules,
  type StoredPolicy,
} from '@microsandbox/network';
import { CustomError } from '@microsandbox/types';
import type { NetworkOptions } from '../commands/network-options.ts';

/**
 * The policy that options ask for over the configured one; null when they say nothing about it (spec: network 19.1).
 */
export function policyOfOptions(options: NetworkOptions, configured?: StoredPolicy): StoredPolicy | null {
  const request: PolicyRequest = {
    rules: (options.netRule ?? []).flatMap(parseNetRules),
    profiles: options.net ?? [],
    noNet: options.noNet === true,
    ...(options.netDefault !== undefined && { defaultBoth: actionOf(options.netDefault) }),
    ...(options.netDefaultEgress !== undefined && { defaultEgress: actionOf(options.netDefaultEgress) }),
    ...(options.netDefaultIngress !== undefined && { defaultIngress: actionOf(options.netDefaultIngress) }),
  };
  return composePolicy(request, configured);
}

function actionOf(text: string): PolicyAction {
  if (text === 'allow' || text === 'deny') return text;
  throw new CustomError(`unknown --net-default value "${text}"; expected \`allow\` or \`deny\``);
}
