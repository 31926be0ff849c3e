import { describe, expect, it } from 'vitest';
import { parseWhiteoutName } from './whiteout-name.ts';

describe('parseWhiteoutName', () => {
  it('finds whiteouts', () => {
    expect(parseWhiteoutName('.wh.lib')).toEqual({ kind: 'delete', name: 'lib' });
    expect(parseWhiteoutName('.wh..hidden')).toEqual({ kind: 'delete', name: '.hidden' });
    expect(parseWhiteoutName('.wh..wh..opq')).toEqual({ kind: 'opaque' });
  });

  it.each(['.wh.', '.wh', 'a.wh.b', '.WH.lib'])('takes %j for an ordinary name', (name) => {
    expect(parseWhiteoutName(name)).toBeNull();
  });

  it.each(['.wh..', '.wh...'])('refuses %j', (name) => {
    expect(() => parseWhiteoutName(name)).toThrow(`invalid whiteout in tar: "${name}"`);
  });
});
