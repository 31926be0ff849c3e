import type { LayerNatives } from '@microsandbox/native';

/**
 * The native unpacker; null where there is no addon for this machine, and layers are unpacked in JavaScript. Loaded
 * with the first layer, because most commands unpack none.
 */
export async function layerNatives(): Promise<LayerNatives | null> {
  try {
    const { addon } = await import('@microsandbox/native');
    return addon();
  } catch {
    return null;
  }
}
