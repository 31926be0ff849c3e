/**
 * Gives a buffer's memory back at once when nobody else can hold a part of it; nobody may use it afterwards. Hundreds
 * of megabytes that pass through would else be waiting for a garbage collection, and cause one after the other.
 */
export function releaseBuffer({ buffer, byteLength }: Uint8Array): void {
  if (byteLength > 0 && byteLength === buffer.byteLength) {
    (buffer as ArrayBuffer & { transfer(bytes: number): ArrayBuffer }).transfer(0);
  }
}
