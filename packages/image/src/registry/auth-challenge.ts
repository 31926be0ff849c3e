/** What a server asks for in `WWW-Authenticate` (RFC 9110, section 11.6.1). */
export interface AuthChallenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Keys in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Longer headers are not looked at. */
const MAX_LENGTH = 8192;
const MAX_PARAMETERS = 32;

const SPACE = /[ \t,]*/y;
const TOKEN = /[A-Za-z0-9!#$%&'*+.^_`|~-]+/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
/** `token68`, the form of credentials that are one word. */
const WORD = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

/** Reads all challenges of the header; what cannot be read ends the list. */
export function parseAuthChallenges(header: string): AuthChallenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const text = header.slice(0, MAX_LENGTH);
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  while (at < text.length) {
    take(SPACE);
    const word = take(TOKEN)?.[0];
    if (word === undefined) break;
    const afterWord = at;
    const current = challenges.at(-1);
    if (current !== undefined && take(EQUALS) !== null) {
      const quoted = take(QUOTED);
      const value = quoted === null ? take(TOKEN)?.[0] : quoted[1]?.replace(/\\(.)/g, '$1');
      if (value === undefined || current.parameters.size >= MAX_PARAMETERS) break;
      current.parameters.set(word.toLowerCase(), value);
    } else {
      at = afterWord;
      challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
      take(/[ \t]*/y);
      take(WORD);
    }
  }
  return challenges;
}
