import { domainToASCII } from 'node:url';

const MAX_NAME = 255;
const MAX_LABEL = 63;
const LABEL = /^[a-z0-9_-]+$/;

/**
 * A domain name as policies compare it: ASCII, lower case, without dots around it. Other scripts become A-labels.
 *
 * @throws Error that says what is wrong, without the name
 */
export function normalizeDomain(text: string): string {
  const bare = text.replace(/^\.+|\.+$/g, '');
  if (bare === '') throw new Error('domain name is empty');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what ASCII is
  const ascii = /^[\x00-\x7f]*$/.test(bare) ? bare : domainToASCII(bare);
  const name = ascii.toLowerCase();
  if (name === '') throw new Error('invalid domain name: not a name in any script');
  if (name.length > MAX_NAME) throw new Error(`invalid domain name: longer than ${MAX_NAME} bytes`);
  for (const label of name.split('.')) {
    if (label.length > MAX_LABEL) {
      throw new Error(`invalid domain name: label longer than ${MAX_LABEL} bytes`);
    }
    if (!LABEL.test(label)) throw new Error(`invalid domain name: label "${label}"`);
  }
  return name;
}

/**
 * Like {@link normalizeDomain}, for a name that stands for everything under it, which must not be a whole top-level
 * domain.
 *
 * @throws Error
 */
export function normalizeSuffix(text: string): string {
  const name = normalizeDomain(text);
  if (name.includes('.')) return name;
  throw new Error(
    `suffix \`${name}\` is a single DNS label and would match every domain under that TLD; ` +
      'add at least one parent label to scope it (e.g. `myco.com`)',
  );
}
