import { InvalidConfigError } from '@microsandbox/types';
import { formatBytes } from '@microsandbox/utils';
import { Image, type ImagePruneReport } from 'microsandbox';
import type { ImagePruneOptions } from '../commands/image-prune.ts';
import { paintOut } from '../output/colour.ts';
import { DetailView } from '../output/detail-view.ts';
import { renderJson } from '../output/json.ts';
import { isTerminal, STDIN } from '../output/terminal.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { succeeded } from '../progress/action-line.ts';
import { withSpinner } from '../progress/spinner.ts';
import { confirm } from '../prompt/confirm.ts';

/** `msb image prune` (spec: cli 7.7). */
export async function pruneImages(options: ImagePruneOptions): Promise<number> {
  if (!options.yes) {
    if (!isTerminal(STDIN)) {
      throw new InvalidConfigError('non-interactive terminal; use --yes to prune cached images');
    }
    if (!(await confirm('Remove all cached images not used by sandboxes?'))) {
      writeErr('Aborted.\n');
      return 0;
    }
  }
  const quiet = options.quiet === true || options.format === 'json';
  const report = await withSpinner('Pruning', null, 'image cache', { quiet }, () => Image.prune());
  if (options.format === 'json') writeOut(renderJson(reportJson(report)));
  else if (!options.quiet) printReport(report);
  return 0;
}

function reportJson(report: ImagePruneReport): unknown {
  return {
    bytes_reclaimed: report.bytesReclaimed,
    fsmeta_removed: report.fsmetaRemoved,
    image_refs_removed: report.imageRefsRemoved,
    layers_removed: report.layersRemoved,
    manifests_removed: report.manifestsRemoved,
    vmdk_removed: report.vmdkRemoved,
  };
}

function printReport(report: ImagePruneReport): void {
  const { imageRefsRemoved, manifestsRemoved, layersRemoved, fsmetaRemoved, vmdkRemoved, bytesReclaimed } =
    report;
  const removed = imageRefsRemoved + manifestsRemoved + layersRemoved + fsmetaRemoved + vmdkRemoved;
  if (removed === 0 && bytesReclaimed === null) {
    writeErr('Nothing to prune.\n');
    return;
  }
  succeeded('Pruned', 'image cache');
  const view = new DetailView(paintOut)
    .row('Image refs', String(imageRefsRemoved))
    .row('Manifests', String(manifestsRemoved))
    .row('Layers', String(layersRemoved));
  if (fsmetaRemoved > 0) view.row('Fsmeta', String(fsmetaRemoved));
  if (vmdkRemoved > 0) view.row('VMDK', String(vmdkRemoved));
  if (bytesReclaimed !== null && bytesReclaimed > 0) view.row('Reclaimed', formatBytes(bytesReclaimed));
  writeOut(view.toString());
}
