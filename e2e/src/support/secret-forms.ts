/**
 * The ways in which a text may stand in memory or in a file: as it is, in hexadecimal, and in base64 at each of the
 * three alignments as far as its neighbours do not change it.
 */
export function secretForms(text: string): readonly string[] {
  const aligned = [0, 1, 2].map((before) => {
    const encoded = Buffer.from(`${' '.repeat(before)}${text}`)
      .toString('base64')
      .replace(/=+$/, '');
    return encoded.slice(Math.ceil((before * 8) / 6), -2);
  });
  return [text, Buffer.from(text).toString('hex'), ...aligned];
}
