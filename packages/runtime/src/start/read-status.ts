import type { Readable } from 'node:stream';
import { RuntimeError } from '@microsandbox/types';
import type { StatusMessage } from '../process/status-message.ts';

const MAX_LINE_CHARACTERS = 1 << 20;

/**
 * The messages of a sandbox process, as they come; ends with its status descriptor.
 *
 * @throws RuntimeError for a line that is no message
 */
export async function* readStatus(stream: Readable): AsyncGenerator<StatusMessage, void, undefined> {
  let buffered = '';
  stream.setEncoding('utf8');
  for await (const text of stream) {
    buffered += text as string;
    for (let end = buffered.indexOf('\n'); end >= 0; end = buffered.indexOf('\n')) {
      yield parse(buffered.slice(0, end));
      buffered = buffered.slice(end + 1);
    }
    if (buffered.length > MAX_LINE_CHARACTERS)
      throw new RuntimeError('sandbox process sent a line that is too long');
  }
}

function parse(line: string): StatusMessage {
  try {
    return JSON.parse(line) as StatusMessage;
  } catch (cause) {
    throw new RuntimeError('sandbox process sent a line that is no JSON', { cause });
  }
}
