import { RotatingLog, type RotatingLogOptions } from './rotating-log.ts';
import { TextBatch } from './text-batch.ts';

/** A {@link RotatingLog} of text. */
export class RotatingFile extends RotatingLog<string> {
  constructor(path: string, options: RotatingLogOptions = {}) {
    super(path, (batch) => new TextBatch(batch), options);
  }
}
