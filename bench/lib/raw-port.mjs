import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** Shell words that name the raw port's device in the guest. */
export const RAW_PORT_DEVICE =
  '/dev/$(basename $(dirname $(grep -l "^raw$" /sys/class/virtio-ports/*/name)))';

/**
 * A console port that leads to this process without agent, relay or frames: the floor of what bulk through a command
 * can be. `arguments` are for QEMU; `take` and `give` move bytes once a machine runs.
 */
export async function openRawPort(folder) {
  const path = join(folder, 'raw.sock');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  const connected = once(server, 'connection').then(([socket]) => socket);
  return {
    // As JSON, since other devices are taken first, before there is a bus for it.
    arguments: [
      `-chardev socket,id=raw,path=${path}`,
      `-device '{"driver":"virtserialport","chardev":"raw","name":"raw"}'`,
    ],
    /** Reads so many bytes out of the guest. */
    async take(size) {
      const socket = await connected;
      let missing = size;
      await new Promise((resolve, reject) => {
        const onData = (chunk) => {
          missing -= chunk.length;
          if (missing > 0) return;
          socket.off('data', onData).off('close', reject).pause();
          resolve();
        };
        socket.on('data', onData).once('close', reject).resume();
      });
    },
    /** Writes a block to the guest so many times. */
    async give(block, times) {
      const socket = await connected;
      for (let index = 0; index < times; index++) if (!socket.write(block)) await once(socket, 'drain');
    },
    async [Symbol.asyncDispose]() {
      server.close();
      (await Promise.race([connected, null]))?.destroy();
    },
  };
}
