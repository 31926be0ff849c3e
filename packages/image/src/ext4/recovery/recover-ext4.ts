import { atBlock } from '../disk-region.ts';
import { BLOCK_BYTES, SUPERBLOCK_OFFSET } from '../ext4-format.ts';
import { backupGroups, groupStart } from '../geometry.ts';
import type { Ext4File } from '../stored/ext4-file.ts';
import { type Ext4Image, readExt4Image } from '../stored/read-ext4-image.ts';
import { totalsOf } from '../stored/stored-descriptors.ts';
import {
  RECOVER_FEATURE,
  readBackupSuperblock,
  readSuperblock,
  type StoredSuperblock,
  setFreeCounters,
} from '../stored/stored-superblock.ts';
import { sealSuperblock } from '../superblock.ts';
import { locateJournal } from './locate-journal.ts';
import { LogReader } from './log-reader.ts';
import { replayLog } from './replay-log.ts';
import { scanLog } from './scan-log.ts';
import { encodeEmptied, readJournal } from './stored-journal.ts';

/**
 * Reads an image, after bringing it in order when it was not unmounted: replays the journal, empties it, and brings
 * the superblock's counters up to date, which Linux leaves as they were when it mounted the disk. The whole log is
 * checked before the first write. Every step can be cut off: the next recovery comes to the same result.
 *
 * @throws {ImageError} `unsupported ext4 image: …`; nothing was written when the log is the reason.
 */
export async function recoverExt4(file: Ext4File): Promise<Ext4Image> {
  const dirty = await readSuperblock(file);
  if (!dirty.needsRecovery) return readExt4Image(file);
  const backups = backupGroups(dirty.geometry);
  for (const group of backups) await readBackupSuperblock(file, group);
  await emptyJournal(file, dirty);
  // The primary superblock may be among the blocks of the log.
  await clearRecover(file, (await readSuperblock(file)).bytes, SUPERBLOCK_OFFSET);
  for (const group of backups) {
    await clearRecover(file, await readBackupSuperblock(file, group), groupStart(group) * BLOCK_BYTES);
  }
  await file.sync();
  return updateCounters(file, await readExt4Image(file));
}

async function emptyJournal(file: Ext4File, superblock: StoredSuperblock): Promise<void> {
  const run = await locateJournal(file, superblock);
  const journal = await readJournal(file, run, superblock.uuid);
  if (journal.start === 0) return;
  const reader = new LogReader(file, journal);
  const log = await scanLog(reader, journal, superblock.geometry.blocks);
  await replayLog(file, reader, log.transactions);
  await file.sync();
  await file.write(atBlock(run.start, encodeEmptied(journal, log.nextSequence)));
  await file.sync();
}

async function clearRecover(file: Ext4File, superblock: Buffer, offset: number): Promise<void> {
  const incompat = superblock.readUInt32LE(0x60);
  if ((incompat & RECOVER_FEATURE) === 0) return;
  superblock.writeUInt32LE((incompat & ~RECOVER_FEATURE) >>> 0, 0x60);
  sealSuperblock(superblock);
  await file.write({ offset, bytes: superblock });
}

async function updateCounters(file: Ext4File, image: Ext4Image): Promise<Ext4Image> {
  const { superblock } = image;
  const totals = totalsOf(image.descriptors);
  const bytes = Buffer.from(superblock.bytes);
  setFreeCounters(bytes, totals);
  await file.write({ offset: SUPERBLOCK_OFFSET, bytes });
  await file.sync();
  return { ...image, superblock: { ...superblock, bytes, ...totals } };
}
