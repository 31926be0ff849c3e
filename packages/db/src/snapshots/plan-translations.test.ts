import { describe, expect, it } from 'vitest';
import { legacyDescriptor } from '../../test/legacy-snapshot.ts';
import type { LegacyArtifact } from './inspect-artifact.ts';
import { parseLegacyDescriptor } from './legacy-descriptor.ts';
import { planTranslations } from './plan-translations.ts';

const NOTHING_KNOWN = { paths: new Map<string, string>(), translated: new Map<string, string>() };
const digestOf = (name: string) => `sha256:${Buffer.from(name).toString('hex').padStart(64, '0')}`;

/** An artifact that claims to be what its name says, as no real digest could. */
function artifact(name: string, parent: string | null, rawName = name): LegacyArtifact {
  const text = legacyDescriptor({ parent: parent === null ? null : digestOf(parent), labels: { name } });
  return {
    path: `/${name}`,
    legacy: { ...parseLegacyDescriptor(Buffer.from(text)), digest: digestOf(name) },
    rawDigest: digestOf(rawName),
    payloadIdentity: '',
    published: null,
  };
}

/** `n1` upon `n2` upon ... `n<length>`. */
const chain = (length: number): LegacyArtifact[] =>
  Array.from({ length }, (_, index) =>
    artifact(`n${index + 1}`, index + 1 < length ? `n${index + 2}` : null),
  );

const codes = (artifacts: readonly LegacyArtifact[], known = NOTHING_KNOWN) =>
  Object.fromEntries(
    [...planTranslations(artifacts, known).failures].map(([path, { code }]) => [path, code]),
  );

describe('planTranslations', () => {
  it('puts parents first and names them by what they become', () => {
    const { planned } = planTranslations([artifact('b', 'a'), artifact('a', null)], NOTHING_KNOWN);
    expect(planned.map((translation) => translation.artifact.path)).toEqual(['/a', '/b']);
    expect(planned[1]?.targetParent).toBe(planned[0]?.target.digest);
  });

  it('knows a parent by the digest of its very file too', () => {
    const { planned } = planTranslations([artifact('b', 'raw'), artifact('a', null, 'raw')], NOTHING_KNOWN);
    expect(planned[1]?.targetParent).toBe(planned[0]?.target.digest);
  });

  it('finds parents that were translated before, or are canonical', () => {
    const known = {
      paths: new Map([[digestOf('canonical'), '/c']]),
      translated: new Map([[digestOf('old'), digestOf('new')]]),
    };
    const { planned } = planTranslations([artifact('a', 'old'), artifact('b', 'canonical')], known);
    expect(planned.map((translation) => translation.targetParent)).toEqual([
      digestOf('new'),
      digestOf('canonical'),
    ]);
  });

  it('refuses a cycle, a missing parent and a digest in two folders, and their children', () => {
    expect(
      codes([artifact('a', 'b'), artifact('b', 'a'), artifact('c', 'b'), artifact('lost', 'x')]),
    ).toEqual({
      '/a': 'legacy_parent_cycle',
      '/b': 'legacy_parent_cycle',
      '/c': 'legacy_parent_cycle',
      '/lost': 'legacy_parent_missing',
    });
    const copy = { ...artifact('a', null), path: '/copy' };
    expect(codes([artifact('a', null), copy, artifact('b', 'a')])).toEqual({
      '/a': 'legacy_index_conflict',
      '/copy': 'legacy_index_conflict',
      '/b': 'legacy_parent_missing',
    });
  });

  it('climbs 128 parents and no more', () => {
    expect(codes(chain(129))).toEqual({});
    expect(codes(chain(130))).toEqual({ '/n1': 'legacy_graph_too_deep' });
  });

  it('refuses an identity that another folder has, and a strange snapshot.json', () => {
    const sound = artifact('a', null);
    const digest = planTranslations([sound], NOTHING_KNOWN).planned[0]?.target.digest ?? '';
    expect(codes([sound], { ...NOTHING_KNOWN, paths: new Map([[digest, '/other']]) })).toEqual({
      '/a': 'legacy_target_collision',
    });
    expect(codes([{ ...sound, published: Buffer.from('{}') }])).toEqual({ '/a': 'legacy_target_collision' });
  });
});
