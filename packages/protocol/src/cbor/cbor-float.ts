/**
 * A CBOR float. It stays apart from integers, since the wire format knows none and a float where an integer belongs
 * is an error (protocol section 3).
 */
export class CborFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}
