import { familyOf } from '@microsandbox/network';

/** Overrides of the guest's network interface, in stored form. */
export interface InterfaceOverrides {
  mac?: number[];
  mtu?: number;
  ipv4_address?: string;
  ipv6_address?: string;
}

const MAX_U16 = 65_535;

/** Gives the guest's network interface other addresses than those of its slot. */
export class InterfaceOverridesBuilder {
  readonly #overrides: InterfaceOverrides = {};
  #problem: Error | null = null;

  /** Six octets in hexadecimal, separated by `:`, `-` or `.`. */
  mac(address: string): this {
    const octets = address.split(/[:.-]/);
    if (octets.length === 6 && octets.every((octet) => /^[0-9a-f]{1,2}$/i.test(octet))) {
      this.#overrides.mac = octets.map((octet) => Number.parseInt(octet, 16));
    } else {
      this.#problem ??= new Error(`invalid MAC address \`${address}\`: expected six octets`);
    }
    return this;
  }

  /** Largest packet in bytes; 1500 when not set. @throws RangeError beyond 65535 */
  mtu(bytes: number): this {
    if (!(Number.isInteger(bytes) && bytes >= 0 && bytes <= MAX_U16)) {
      throw new RangeError(`mtu out of range (0..=${MAX_U16})`);
    }
    this.#overrides.mtu = bytes;
    return this;
  }

  ipv4(address: string): this {
    if (familyOf(address) === 4) this.#overrides.ipv4_address = address;
    else this.#problem ??= new Error(`invalid IPv4 address \`${address}\``);
    return this;
  }

  ipv6(address: string): this {
    if (familyOf(address) === 6) this.#overrides.ipv6_address = address;
    else this.#problem ??= new Error(`invalid IPv6 address \`${address}\``);
    return this;
  }

  /** @internal @throws Error for the first address that is none */
  take(): InterfaceOverrides {
    if (this.#problem !== null) throw this.#problem;
    return this.#overrides;
  }
}
