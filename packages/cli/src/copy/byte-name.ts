/**
 * Names and link targets on their way through a copy: text whose characters are the bytes of the name, as `latin1`
 * reads them. Names on Linux need not be UTF-8, and tar archives have them in this form.
 */
export type ByteName = string;

/** The name of a path that is text. */
export function byteName(text: string): ByteName {
  return bytesName(Buffer.from(text));
}

/** A name of any bytes as a text that keeps them all; not for people. */
export function bytesName(bytes: Uint8Array): ByteName {
  return Buffer.from(bytes).toString('latin1');
}

/** The bytes of a name, as file systems take them. */
export function nameBytes(name: ByteName): Buffer {
  return Buffer.from(name, 'latin1');
}

/** The name for people; what is no UTF-8 is replaced. */
export function nameText(name: ByteName): string {
  return nameBytes(name).toString();
}
