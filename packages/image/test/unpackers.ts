import { layerNatives } from '../src/pull/layer-natives.ts';
import { unpackInJavaScript } from '../src/pull/unpack-in-javascript.ts';
import { type UnpackNativelyOptions, unpackNatively } from '../src/pull/unpack-natively.ts';
import type { UnpackedLayer } from '../src/pull/unpacked-layer.ts';

type Source = AsyncIterator<Buffer, void, void>;
type Options = Pick<UnpackNativelyOptions, 'compression' | 'bodiesPath'>;

/** A way to unpack layers. */
export interface Unpacker {
  readonly name: string;
  readonly unpack: (source: Source, options: Options) => UnpackedLayer;
}

const natives = await layerNatives();

/** Why the native unpacker cannot be tested here, or null. */
export const noNativeUnpacker: string | null = natives === null ? 'the native addon is not built' : null;

if (noNativeUnpacker !== null) console.error(`SKIPPED for the native unpacker: ${noNativeUnpacker}`);

/** All ways there are here; whatever holds for one holds for the others. */
export const unpackers: readonly Unpacker[] = [
  { name: 'JavaScript', unpack: (source, { compression }) => unpackInJavaScript(source, compression) },
  ...(natives === null
    ? []
    : [
        {
          name: 'native',
          unpack: (source: Source, options: Options) => unpackNatively(source, { natives, ...options }),
        },
      ]),
];
