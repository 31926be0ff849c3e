import { InvalidConfigError } from '@microsandbox/types';

/** An image has not the room for the group descriptors that the wanted size needs. */
export class OverCapacityError extends InvalidConfigError {
  /** Largest possible size. */
  readonly maximumBytes: number;

  constructor(wantedBytes: number, maximumBytes: number) {
    super(
      `cannot grow ext4 image to ${wantedBytes} bytes: group descriptor capacity allows at most ` +
        `${maximumBytes} bytes; recreate the image to grow beyond this`,
    );
    this.maximumBytes = maximumBytes;
  }

  /** Classes of errors with the same code are else not told apart. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return super[Symbol.hasInstance](value) && 'maximumBytes' in (value as object);
  }
}
