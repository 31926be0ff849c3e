/** Where a frame holds its correlation id: behind the length. */
const ID_OFFSET = 4;

/** A frame under another correlation id; itself when it has that one. */
export function withId(frame: Buffer, id: number): Buffer {
  if (frame.readUInt32BE(ID_OFFSET) === id) return frame;
  const copy = Buffer.from(frame);
  copy.writeUInt32BE(id, ID_OFFSET);
  return copy;
}
