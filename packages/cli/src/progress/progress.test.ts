import type { PullProgressEvent } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { painter } from '../output/colour.ts';
import { displayWidth } from '../output/display-width.ts';
import { advancePull, INITIAL_PULL_STATE, type PullState } from './pull-state.ts';
import { renderPull } from './pull-view.ts';

const digest = `sha256:${'0'.repeat(64)}`;
const plain = painter(false);

function after(...events: PullProgressEvent[]): PullState {
  return events.reduce(advancePull, INITIAL_PULL_STATE);
}

const resolved: PullProgressEvent = {
  kind: 'resolved',
  reference: 'alpine',
  manifestDigest: digest,
  layerCount: 12,
  totalDownloadBytes: null,
};

const show = (state: PullState, columns = 120, rows = 40) =>
  renderPull(state, 'alpine', '*', { columns, rows }, plain);

describe('pull display', () => {
  it('heads with what is being done', () => {
    const heads = [
      after({ kind: 'resolving', reference: 'alpine' }),
      after(resolved),
      after({ ...resolved, layerCount: 1 }),
      after({ kind: 'stitchMergingTrees', layerCount: 3 }),
      after({ kind: 'stitchWritingFsmeta' }),
      after({ kind: 'stitchComplete' }),
    ].map((state) => show(state)[0]);
    expect(heads).toEqual([
      '   * Resolving    alpine...',
      '   * Pulling      alpine (12 layers)',
      '   * Pulling      alpine (1 layer)',
      '   * Merging      alpine (3 layers)',
      '   * Writing fsmeta alpine',
      '   * Stitched     alpine',
    ]);
  });

  it('draws a bar for each layer', () => {
    const state = after(
      resolved,
      { kind: 'layerDownloadProgress', layerIndex: 2, digest, downloadedBytes: 512, totalBytes: 1024 },
      { kind: 'layerMaterializeProgress', layerIndex: 3, bytesRead: 1_572_864, totalBytes: 3_145_728 },
      { kind: 'layerMaterializeComplete', layerIndex: 4, diffId: digest },
    );
    const lines = show(state);
    expect(lines).toHaveLength(13);
    expect(lines[3]).toBe(
      `     layer  3/12  ${'━'.repeat(18)}${'╌'.repeat(18)}  512 B/1.00 KiB  downloading`,
    );
    expect(lines[4]).toBe(
      `     layer  4/12  ${'━'.repeat(18)}${'╌'.repeat(18)}  1.50 MiB/3.00 MiB  materializing`,
    );
    expect(lines[5]).toBe('     layer  5/12  ✓');
  });

  it('fits any terminal', () => {
    const state = after(
      { ...resolved, layerCount: 300 },
      {
        kind: 'layerDownloadProgress',
        layerIndex: 299,
        digest,
        downloadedBytes: 1e9,
        totalBytes: 2e9,
      },
    );
    const lines = show(state, 80, 24);
    expect(lines.length).toBeLessThan(24);
    expect(Math.max(...lines.map(displayWidth))).toBeLessThan(80);
    expect(show(state, 20, 2)).toHaveLength(2);
  });

  it('does not believe a registry everything', () => {
    const state = after(
      { ...resolved, layerCount: 1e9 },
      { kind: 'layerDownloadVerifying', layerIndex: 1e8, digest },
    );
    expect(state.layers.length).toBeLessThanOrEqual(512);
  });
});
