import { Socket } from 'node:net';
import { DETACH_BYTE } from './descriptors.ts';

/**
 * Watches the descriptor by which the owner of an attached sandbox shows that it lives.
 *
 * @param onGone called once when the owner ended without detaching
 */
export function watchParent(fd: number, onGone: () => void): void {
  const socket = new Socket({ fd, readable: true, writable: false });
  let watching = true;
  const end = (gone: boolean) => {
    if (!watching) return;
    watching = false;
    socket.destroy();
    if (gone) onGone();
  };
  socket.on('data', (chunk: Buffer) => {
    if (chunk.includes(DETACH_BYTE)) end(false);
  });
  socket.on('error', () => end(true));
  socket.on('close', () => end(true));
  socket.unref();
}
