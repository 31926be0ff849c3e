import type { Paint } from './colour.ts';
import { padEnd } from './display-width.ts';

/** Lines of a detail view such as `msb inspect` (spec: cli 14.3). */
export class DetailView {
  readonly #paint: Paint;
  #text = '';

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  /** `Name:           web`. A key longer than its column keeps one space. */
  row(key: string, value: string): this {
    return this.line(`${this.#key('cyan', key, 16)}${value}`);
  }

  /** A bold title after a blank line. */
  section(title: string): this {
    return this.line('').line(this.#paint('bold', title));
  }

  /** A row inside a section. */
  indented(key: string, value: string): this {
    return this.line(`  ${this.#key('dim', key, 14)}${value}`);
  }

  line(text: string): this {
    this.#text += `${text}\n`;
    return this;
  }

  toString(): string {
    return this.#text;
  }

  #key(style: 'cyan' | 'dim', key: string, width: number): string {
    const label = `${key}:`;
    return this.#paint(style, padEnd(label, Math.max(width, label.length + 1)));
  }
}
