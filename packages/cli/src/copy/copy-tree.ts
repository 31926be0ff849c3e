import type { TreeSink, TreeSource } from './tree-entry.ts';

/** Copies every entry of `source`, one after the other. */
export async function copyTree(source: TreeSource, sink: TreeSink): Promise<void> {
  try {
    for await (const entry of source) await sink.add(entry);
    await sink.finish();
  } finally {
    await sink[Symbol.asyncDispose]();
  }
}
