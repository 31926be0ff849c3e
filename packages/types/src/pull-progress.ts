/** What happens during a pull (spec: image 6). Bytes are of the compressed blob unless said otherwise. */
export type PullProgressEvent =
  | { readonly kind: 'resolving'; readonly reference: string }
  | {
      readonly kind: 'resolved';
      readonly reference: string;
      readonly manifestDigest: string;
      readonly layerCount: number;
      readonly totalDownloadBytes: number | null;
    }
  | {
      readonly kind: 'layerDownloadProgress';
      readonly layerIndex: number;
      readonly digest: string;
      readonly downloadedBytes: number;
      readonly totalBytes: number | null;
    }
  | {
      readonly kind: 'layerDownloadComplete';
      readonly layerIndex: number;
      readonly digest: string;
      readonly downloadedBytes: number;
    }
  | { readonly kind: 'layerDownloadVerifying'; readonly layerIndex: number; readonly digest: string }
  /** A mirror sent wrong bytes; the layer is downloaded anew from elsewhere. */
  | {
      readonly kind: 'layerSourceRejected';
      readonly layerIndex: number;
      readonly digest: string;
      readonly host: string;
    }
  | { readonly kind: 'layerMaterializeStarted'; readonly layerIndex: number; readonly diffId: string }
  | {
      readonly kind: 'layerMaterializeProgress';
      readonly layerIndex: number;
      readonly bytesRead: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'layerMaterializeWriting'; readonly layerIndex: number }
  | { readonly kind: 'layerMaterializeComplete'; readonly layerIndex: number; readonly diffId: string }
  | { readonly kind: 'stitchMergingTrees'; readonly layerCount: number }
  | { readonly kind: 'stitchWritingFsmeta' }
  | { readonly kind: 'stitchWritingVmdk' }
  | { readonly kind: 'stitchComplete' }
  | { readonly kind: 'complete'; readonly reference: string; readonly layerCount: number };

/** The other name that the SDK has for it (spec: sdk 21). */
export type PullProgress = PullProgressEvent;
