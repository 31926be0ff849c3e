import type { RotatingFile } from './rotating-file.ts';

/** `logs/runtime.log`: what the sandbox process itself has to say, one line with a time each. */
export class RuntimeLog {
  readonly #file: RotatingFile;

  constructor(file: RotatingFile) {
    this.#file = file;
  }

  info(message: string): void {
    this.#write('INFO', message);
  }

  warn(message: string): void {
    this.#write('WARN', message);
  }

  error(message: string): void {
    this.#write('ERROR', message);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #write(level: string, message: string): void {
    this.#file.append(`${new Date().toISOString()} ${level} ${message.replaceAll('\n', '\n  ')}\n`);
  }
}
