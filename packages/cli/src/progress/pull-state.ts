import type { PullProgressEvent } from '@microsandbox/types';

/** Where one layer stands. */
export interface LayerState {
  readonly phase: 'downloading' | 'verifying' | 'materializing' | 'writing image' | 'done';
  readonly doneBytes: number;
  readonly totalBytes: number | null;
}

/** Everything the pull display shows. */
export interface PullState {
  /** What is done to the layers: `Pulling` or `Loading`. */
  readonly action: string;
  readonly verb: string;
  readonly suffix: string;
  /** Layers by index; a hole is one nothing was heard of yet. */
  readonly layers: readonly (LayerState | undefined)[];
}

export const INITIAL_PULL_STATE: PullState = { action: 'Pulling', verb: 'Pulling', suffix: '', layers: [] };
export const INITIAL_LOAD_STATE: PullState = { action: 'Loading', verb: 'Loading', suffix: '', layers: [] };

/** More layers than any image has; a registry cannot make us hold more. */
const MAX_LAYERS = 512;

/** The state after one more event. */
export function advancePull(state: PullState, event: PullProgressEvent): PullState {
  switch (event.kind) {
    case 'resolving':
      return { ...state, verb: 'Resolving', suffix: '...' };
    case 'resolved':
      return {
        ...state,
        verb: state.action,
        suffix: layerCount(event.layerCount),
        layers: Array.from<undefined>({ length: Math.min(event.layerCount, MAX_LAYERS) }),
      };
    case 'layerDownloadProgress':
      return withLayer(state, event.layerIndex, {
        phase: 'downloading',
        doneBytes: event.downloadedBytes,
        totalBytes: event.totalBytes,
      });
    case 'layerDownloadComplete':
      return withLayer(state, event.layerIndex, {
        phase: 'verifying',
        doneBytes: event.downloadedBytes,
        totalBytes: event.downloadedBytes,
      });
    case 'layerDownloadVerifying':
      return withPhase(state, event.layerIndex, 'verifying');
    case 'layerSourceRejected': {
      const restarted = { phase: 'downloading', doneBytes: 0, totalBytes: null } as const;
      return {
        ...withLayer(state, event.layerIndex, restarted),
        suffix: ` (${event.host} sent wrong bytes)`,
      };
    }
    case 'layerMaterializeStarted':
      return withLayer(state, event.layerIndex, { phase: 'materializing', doneBytes: 0, totalBytes: null });
    case 'layerMaterializeProgress':
      return withLayer(state, event.layerIndex, {
        phase: 'materializing',
        doneBytes: event.bytesRead,
        totalBytes: event.totalBytes,
      });
    case 'layerMaterializeWriting':
      return withPhase(state, event.layerIndex, 'writing image');
    case 'layerMaterializeComplete':
      return withPhase(state, event.layerIndex, 'done');
    case 'stitchMergingTrees':
      return { ...state, verb: 'Merging', suffix: layerCount(event.layerCount), layers: [] };
    case 'stitchWritingFsmeta':
      return { ...state, verb: 'Writing fsmeta', suffix: '', layers: [] };
    case 'stitchWritingVmdk':
      return { ...state, verb: 'Writing vmdk', suffix: '', layers: [] };
    case 'stitchComplete':
    case 'complete':
      return { ...state, verb: 'Stitched', suffix: '', layers: [] };
  }
}

function layerCount(count: number): string {
  return ` (${count} ${count === 1 ? 'layer' : 'layers'})`;
}

function withPhase(state: PullState, index: number, phase: LayerState['phase']): PullState {
  return withLayer(state, index, { doneBytes: 0, totalBytes: null, ...state.layers[index], phase });
}

function withLayer(state: PullState, index: number, layer: LayerState): PullState {
  if (index >= MAX_LAYERS) return state;
  const layers = [...state.layers];
  layers[index] = layer;
  return { ...state, layers };
}
