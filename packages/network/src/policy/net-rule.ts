import { CustomError } from '@microsandbox/types';
import { isDnsTarget, narrowDnsRule } from './net-rule-dns.ts';
import { parseTarget } from './net-rule-target.ts';
import {
  ACTIONS,
  DIRECTIONS,
  type PolicyAction,
  PROTOCOLS,
  type RuleDirection,
  type RuleProtocol,
  type StoredPortRange,
  type StoredRule,
} from './policy.ts';
import { suggestKeyword } from './suggest-keyword.ts';

const MAX_PORT = 65_535;

/**
 * Rules of `--net-rule`: tokens with commas between them, empty ones left out (spec: network 19.2).
 *
 * ```
 * <allow|deny>[:<egress|ingress|any>]@<target>[:<proto>[:<ports>]]
 * ```
 *
 * @example parseNetRules('allow@api.example.com:tcp:443,deny@private')
 * @throws CustomError that quotes what cannot be read and says what is expected there
 */
export function parseNetRules(text: string): StoredRule[] {
  return text
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '')
    .map(parseNetRule);
}

/** One token. @throws CustomError */
export function parseNetRule(token: string): StoredRule {
  const at = token.indexOf('@');
  if (at === -1) {
    throw new CustomError(
      `rule token \`${token}\` is missing \`@\`; expected ` +
        '`<action>[:<direction>]@<target>[:<proto>[:<ports>]]`',
    );
  }
  const [actionText = '', directionText, ...more] = token.slice(0, at).split(':');
  const action = parseAction(actionText);
  if (more.length > 0) throw unknownDirection([directionText, ...more].join(':'));
  const direction = directionText === undefined ? 'egress' : parseDirection(directionText);
  const { target, fields } = splitTarget(token.slice(at + 1), token);
  if (isDnsTarget(target)) {
    return narrowDnsRule(action, directionText, fields);
  }
  const destination = parseTarget(target);
  const [protocolText = 'any', portsText = 'any'] = fields;
  const protocols = parseProtocol(protocolText, target.text);
  if (direction !== 'egress' && protocols.some((protocol) => protocol.startsWith('icmp'))) {
    throw new CustomError(
      'ingress and any-direction rules do not support ICMP; only TCP (and UDP when UDP publishing lands)',
    );
  }
  return { direction, destination, protocols, ports: parsePorts(portsText), action };
}

/** A target as it stood in the token. */
export interface TargetText {
  readonly text: string;
  /** It stood in brackets, so it must be IPv6. */
  readonly bracketed: boolean;
}

function splitTarget(
  text: string,
  token: string,
): { readonly target: TargetText; readonly fields: readonly string[] } {
  const { target, rest } = text.startsWith('[') ? splitBrackets(text, token) : splitAtColon(text);
  const fields = rest === '' ? [] : rest.slice(1).split(':');
  if (fields.length > 2) {
    throw new CustomError(
      `rule token \`${token}\` has trailing fields after \`<ports>\`; ` +
        'if this is an IPv6 address, wrap it as `[<addr>]`',
    );
  }
  return { target, fields: fields.map((field) => (field === '' ? 'any' : field)) };
}

function splitAtColon(text: string): { readonly target: TargetText; readonly rest: string } {
  const colon = text.indexOf(':');
  const end = colon === -1 ? text.length : colon;
  return { target: { text: text.slice(0, end), bracketed: false }, rest: text.slice(end) };
}

function splitBrackets(text: string, token: string): { readonly target: TargetText; readonly rest: string } {
  const close = text.indexOf(']');
  if (close === -1) {
    throw new CustomError(
      `unclosed \`[\` in rule token \`${token}\`; IPv6 addresses must be wrapped as \`[<addr>]\``,
    );
  }
  const rest = text.slice(close + 1);
  if (rest !== '' && !rest.startsWith(':')) {
    throw new CustomError(
      `rule token \`${token}\` has unexpected content after \`]\`; expected \`:<proto>\` or end of token`,
    );
  }
  return { target: { text: text.slice(1, close), bracketed: true }, rest };
}

function parseAction(text: string): PolicyAction {
  const action = ACTIONS.find((word) => word === text);
  if (action !== undefined) return action;
  throw new CustomError(
    `\`${text}\` is not a recognized action. Expected \`allow\` or \`deny\`${suggestKeyword(text, ACTIONS)}`,
  );
}

function parseDirection(text: string): RuleDirection {
  const direction = DIRECTIONS.find((word) => word === text);
  if (direction === undefined) throw unknownDirection(text);
  return direction;
}

function unknownDirection(text: string): CustomError {
  return new CustomError(
    `\`${text}\` is not a recognized direction. Expected \`egress\`, \`ingress\`, or \`any\`` +
      suggestKeyword(text, DIRECTIONS),
  );
}

function parseProtocol(text: string, target: string): RuleProtocol[] {
  if (text === 'any') return [];
  const protocol = PROTOCOLS.find((word) => word === text);
  if (protocol !== undefined) return [protocol];
  if (/^\d+(-\d+)?$/.test(text)) {
    throw new CustomError(
      `\`${text}\` is a port, not a protocol; did you mean \`${target}:tcp:${text}\`? ` +
        "port numbers don't belong in the target",
    );
  }
  throw new CustomError(
    `\`${text}\` is not a recognized protocol. Expected \`any\`, \`tcp\`, \`udp\`, \`icmpv4\`, or \`icmpv6\`` +
      suggestKeyword(text, ['any', ...PROTOCOLS]),
  );
}

/** `any`, `N` or `LO-HI`. @throws CustomError */
export function parsePorts(text: string): StoredPortRange[] {
  if (text === 'any') return [];
  const [, low = '', high = low] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const start = Number(low);
  const end = Number(high);
  if (low === '' || start > MAX_PORT || end > MAX_PORT) {
    throw new CustomError(
      `\`${text}\` is not a valid ports value. Expected \`any\`, \`<port>\`, or \`<lo>-<hi>\``,
    );
  }
  if (start > end) throw new CustomError(`invalid port range ${start}..${end}; lo must be <= hi`);
  return [{ start, end }];
}
