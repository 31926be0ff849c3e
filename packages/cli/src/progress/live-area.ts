import { isTerminal, STDERR } from '../output/terminal.ts';
import { writeErr } from '../output/write.ts';

const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';

/**
 * Some lines at the bottom of the terminal that are drawn again and again, and leave no trace. Nothing happens unless
 * standard error is a terminal.
 */
export class LiveArea implements Disposable {
  readonly #render: (tick: string) => readonly string[];
  readonly #timer: NodeJS.Timeout | undefined;
  #frame = 0;
  #drawn = 0;

  /** `render` is asked for the lines every `intervalMs`; each must fit into one row. */
  constructor(intervalMs: number, render: (tick: string) => readonly string[]) {
    this.#render = render;
    if (!isTerminal(STDERR)) return;
    this.#draw();
    this.#timer = setInterval(() => this.#draw(), intervalMs);
  }

  /** Takes the lines away. */
  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    writeErr(this.#erase());
    this.#drawn = 0;
  }

  #draw(): void {
    const lines = this.#render(FRAMES[this.#frame % FRAMES.length] ?? '');
    this.#frame += 1;
    const text = `${this.#erase()}${lines.join('\n')}`;
    this.#drawn = lines.length;
    writeErr(text);
  }

  /** Back to the first line, and everything below it gone. */
  #erase(): string {
    if (this.#drawn === 0) return '';
    return `${this.#drawn > 1 ? `\x1b[${this.#drawn - 1}A` : ''}\r\x1b[J`;
  }
}
