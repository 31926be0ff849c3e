/** JSON with the keys of all objects in byte order. */
export function sortedJson(value: unknown, indent?: number): string {
  const compact = encode(value);
  // Keys that look like numbers keep their place only in text, so indenting works on text too.
  return indent === undefined ? compact : indentJson(compact, indent);
}

function encode(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${encode(field)}`).join(',')}}`;
}

function indentJson(json: string, width: number): string {
  let depth = 0;
  const line = (): string => `\n${' '.repeat(depth * width)}`;
  return json.replace(/"(?:[^"\\]|\\.)*"|[[{][\]}]|[[\]{},:]/g, (token) => {
    if (token.length > 1) return token;
    if (token === ':') return ': ';
    if (token === ',') return `,${line()}`;
    if (token === '[' || token === '{') {
      depth++;
      return token + line();
    }
    depth--;
    return line() + token;
  });
}
