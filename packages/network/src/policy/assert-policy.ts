import { invalidConfig } from '../config/invalid-config.ts';
import { parseCidr } from './cidr.ts';
import { ACTIONS, DIRECTIONS, GROUPS, PROTOCOLS, type StoredPolicy, type StoredRule } from './policy.ts';

const MAX_PORT = 65_535;

/**
 * Refuses a policy that a program made up of wrong words. Policies out of files are read by their schema.
 *
 * @throws InvalidConfigError
 */
export function assertPolicy(policy: StoredPolicy): void {
  assertWord('default_egress', policy.default_egress, ACTIONS);
  assertWord('default_ingress', policy.default_ingress, ACTIONS);
  for (const [index, rule] of policy.rules.entries()) assertRule(`rule #${index}`, rule);
}

function assertRule(what: string, rule: StoredRule): void {
  assertWord(`${what}: action`, rule.action, ACTIONS);
  assertWord(`${what}: direction`, rule.direction, DIRECTIONS);
  for (const protocol of rule.protocols) assertWord(`${what}: protocol`, protocol, PROTOCOLS);
  for (const { start, end } of rule.ports) {
    const isRange = [start, end].every((port) => Number.isInteger(port) && port >= 0 && port <= MAX_PORT);
    if (!isRange || start > end) {
      throw invalidConfig(`${what}: invalid port range ${start}..${end}; lo must be <= hi`);
    }
  }
  const { destination } = rule;
  if (destination === 'any') return;
  if ('group' in destination) assertWord(`${what}: group`, destination.group, GROUPS);
  if ('cidr' in destination && parseCidr(destination.cidr) === null) {
    throw invalidConfig(`${what}: invalid CIDR \`${destination.cidr}\``);
  }
}

function assertWord(what: string, word: string, words: readonly string[]): void {
  if (!words.includes(word)) throw invalidConfig(`${what}: \`${word}\`, expected ${words.join(' | ')}`);
}
