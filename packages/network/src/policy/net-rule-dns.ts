import { CustomError } from '@microsandbox/types';
import type { TargetText } from './net-rule.ts';
import type { PolicyAction, StoredRule } from './policy.ts';
import { dnsRule } from './presets.ts';

/** Whether the target is the gateway's name server, which has a word of its own. */
export function isDnsTarget({ text, bracketed }: TargetText): boolean {
  return !bracketed && text === 'dns';
}

/**
 * The rule of a `dns` token, on one transport or both.
 *
 * @throws CustomError for what a rule about DNS cannot say
 */
export function narrowDnsRule(
  action: PolicyAction,
  direction: string | undefined,
  [protocol = 'any', ports = 'any']: readonly string[],
): StoredRule {
  if (direction !== undefined && direction !== 'egress') {
    throw new CustomError(
      'the `dns` target only supports egress rules; omit the direction or use ' +
        '`allow:egress@dns`/`deny:egress@dns`',
    );
  }
  if (protocol !== 'any' && protocol !== 'tcp' && protocol !== 'udp') {
    throw new CustomError(`the \`dns\` target supports \`tcp\`, \`udp\`, or \`any\`, not \`${protocol}\``);
  }
  if (ports !== 'any' && ports !== '53') {
    throw new CustomError('the `dns` target is fixed to port 53; omit the port or use `53`/`any`');
  }
  const both = dnsRule(action);
  return protocol === 'any' ? both : { ...both, protocols: [protocol] };
}
