import { editDistance } from '@microsandbox/utils';

/** A word further away than this was not a slip of the finger. */
const MAX_DISTANCE = 2;

/** `. Did you mean \`egress\`?` for the keyword nearest to a mistyped word, or nothing (spec: network 19.2). */
export function suggestKeyword(word: string, keywords: readonly string[]): string {
  let best: { readonly keyword: string; readonly distance: number } | null = null;
  // Nothing longer than the longest keyword can be near one.
  for (const keyword of word.length > 32 ? [] : keywords) {
    const distance = editDistance(word, keyword);
    if (distance <= MAX_DISTANCE && (best === null || distance < best.distance)) best = { keyword, distance };
  }
  return best === null ? '' : `. Did you mean \`${best.keyword}\`?`;
}
