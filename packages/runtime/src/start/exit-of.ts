import type { ChildProcess } from 'node:child_process';

/**
 * How a child ends, in words; never rejects. To be asked for in the turn of the event loop that started the child:
 * on a busy host one that dies at once is gone before anything else was waited for.
 */
export function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `signal: ${signal}` : `exit status: ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
}
