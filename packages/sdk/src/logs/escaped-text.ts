const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

/** Words that are looked at one by one; where no mark is among them, a search takes less time than they do. */
const NEAR_WORDS = 64;
/** How far a search looks: not to the end for every mark of a long text. */
const WINDOW_BYTES = 16 << 10;

/** `\u00` and two digits. */
const LONG_ESCAPE_LENGTH = 6;

/** Bytes that escapes of one character mean, by that character; 0 for what is none. */
const SHORT_ESCAPES = new Uint8Array(256);
for (const pair of ['""', '\\\\', 'b\b', 'f\f', 'n\n', 'r\r', 't\t']) {
  SHORT_ESCAPES[pair.charCodeAt(0)] = pair.charCodeAt(1);
}

/** Finds and unescapes the texts of JSON strings where they stand, in the form that `JSON.stringify` gives them. */
export class EscapedTexts {
  readonly #bytes: Buffer;
  /** The same, four bytes at once, from the first of them whose address four divides. */
  readonly #words: Int32Array;
  readonly #firstWord: number;
  /** The first escape of the text that was found last. */
  #firstEscape = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#firstWord = -bytes.byteOffset & 3;
    const count = Math.max(0, bytes.length - this.#firstWord) >> 2;
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset + this.#firstWord, count);
  }

  /**
   * Finds the quotation mark that ends the text which begins at `start`.
   *
   * @returns its index; -1 when there is none, or where the text has escapes that `JSON.stringify` does not write
   */
  find(start: number): number {
    const bytes = this.#bytes;
    let at = this.#nextMark(start);
    this.#firstEscape = at;
    while (bytes[at] === BACKSLASH) {
      const length = escapeLength(bytes, at);
      if (length === 0) return -1;
      at = this.#nextMark(at + length);
    }
    return at < bytes.length ? at : -1;
  }

  /**
   * Takes the escapes out of the text that was found last and ends at `end`.
   *
   * @returns where it ends then
   */
  unescape(end: number): number {
    const bytes = this.#bytes;
    let write = this.#firstEscape;
    for (let read = write; read < end; write += 1) {
      const isEscape = bytes[read] === BACKSLASH;
      bytes[write] = isEscape ? meaningOf(bytes, read) : (bytes[read] as number);
      read += isEscape ? escapeLength(bytes, read) : 1;
    }
    return write;
  }

  /** Index of the next quotation mark or backslash, or the end. */
  #nextMark(from: number): number {
    const bytes = this.#bytes;
    const words = this.#words;
    const first = this.#firstWord;
    let at = from;
    for (; at < first || (at - first) % 4 !== 0; at += 1) if (isMark(bytes[at])) return at;
    const start = (at - first) >> 2;
    const near = Math.min(words.length, start + NEAR_WORDS);
    let word = start;
    while (word < near && !hasMark(words[word] as number)) word += 1;
    at = first + (word << 2);
    if (word === start + NEAR_WORDS) at = farMark(bytes, at);
    for (; at < bytes.length; at += 1) if (isMark(bytes[at])) return at;
    return bytes.length;
  }
}

/** Index of the next mark, found by two searches of a window at a time, or the end. */
function farMark(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at += WINDOW_BYTES) {
    const window = bytes.subarray(at, at + WINDOW_BYTES);
    const quote = window.indexOf(QUOTE);
    const backslash = (quote < 0 ? window : window.subarray(0, quote)).indexOf(BACKSLASH);
    if (backslash >= 0) return at + backslash;
    if (quote >= 0) return at + quote;
  }
  return bytes.length;
}

function isMark(byte: number | undefined): boolean {
  return byte === QUOTE || byte === BACKSLASH;
}

/** Whether one of the four bytes of a word is a mark: the exclusive or makes it 0, and only a 0 borrows. */
function hasMark(word: number): boolean {
  const quote = word ^ 0x22222222;
  const backslash = word ^ 0x5c5c5c5c;
  return ((((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash)) & 0x80808080) !== 0;
}

/** Length of the escape at a backslash; 0 when it is none that `JSON.stringify` writes. */
function escapeLength(bytes: Buffer, at: number): number {
  const letter = bytes[at + 1] ?? 0;
  if (SHORT_ESCAPES[letter] !== 0) return 2;
  if (letter !== LETTER_U) return 0;
  return /^00[01][0-9a-f]$/.test(bytes.toString('latin1', at + 2, at + 6)) ? LONG_ESCAPE_LENGTH : 0;
}

/** The byte that an escape means. */
function meaningOf(bytes: Buffer, at: number): number {
  const short = SHORT_ESCAPES[bytes[at + 1] as number] as number;
  return short !== 0 ? short : Number.parseInt(bytes.toString('latin1', at + 4, at + 6), 16);
}
