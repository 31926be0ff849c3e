import { readFileSync } from 'node:fs';
import { invalidConfig } from '../config/invalid-config.ts';
import { oneOf } from '../config/one-of.ts';
import { type RegistryAuth, RegistryAuthKinds } from '../values.ts';
import { Consumption } from './consumption.ts';

/** How to talk to the registry of one sandbox's image. Never stored. */
export interface RegistryOptions {
  readonly auth?: { readonly username: string; readonly password: string };
  /** Plain HTTP. */
  readonly insecure: boolean;
  /** PEM texts trusted beside the system's certificates. */
  readonly caCerts: readonly Buffer[];
  /** PEM texts with which the registry learns who we are. */
  readonly clientCert?: { readonly cert: Buffer; readonly key: Buffer };
  /** Hosts that serve the same images; asked first, before those of the settings. */
  readonly mirrors?: readonly string[];
}

/** Credentials and transport of a registry; given to the callback of `SandboxBuilder.registry`. */
export class RegistryConfigBuilder {
  readonly #state = new Consumption('RegistryConfigBuilder');
  #auth: RegistryAuth | undefined;
  #insecure = false;
  #caCertsPath: string | undefined;
  readonly #caCerts: Buffer[] = [];
  #clientCert: RegistryOptions['clientCert'];
  readonly #mirrors: string[] = [];

  /** Credentials for this pull; they win over the host's configuration. */
  auth(auth: RegistryAuth): this {
    this.#state.assertOpen();
    const { kind } = auth;
    oneOf(kind, RegistryAuthKinds, `unknown registry auth kind \`${kind}\` (expected anonymous | basic)`);
    if (auth.kind === 'basic') {
      for (const field of ['username', 'password'] as const) {
        if (auth[field] === undefined) throw new Error(`registry auth \`basic\` requires \`${field}\``);
      }
    }
    this.#auth = auth;
    return this;
  }

  /** Uses plain HTTP. */
  insecure(): this {
    this.#state.assertOpen();
    this.#insecure = true;
    return this;
  }

  /** Trusts the certificates of a PEM text. Repeatable. */
  caCerts(pem: Buffer): this {
    this.#state.assertOpen();
    this.#caCerts.push(Buffer.from(pem));
    return this;
  }

  /** Trusts the certificates of a PEM file, read at once. */
  caCertsPath(path: string): this {
    try {
      this.caCerts(readFileSync(path));
    } catch (error) {
      throw invalidConfig(`failed to read CA certs from \`${path}\`: ${(error as Error).message}`);
    }
    this.#caCertsPath = path;
    return this;
  }

  /** Shows a certificate to the registry; both are PEM texts, the key without a password. */
  clientCert(cert: Buffer, key: Buffer): this {
    this.#state.assertOpen();
    this.#clientCert = { cert: Buffer.from(cert), key: Buffer.from(key) };
    return this;
  }

  /** Asks `host` or `host:port` for the image before its registry. Repeatable; asked in this order. */
  mirror(host: string): this {
    this.#state.assertOpen();
    this.#mirrors.push(host);
    return this;
  }

  /** What was set, without the certificates themselves. Repeatable. */
  build(): {
    auth?: RegistryAuth;
    insecure: boolean;
    caCertsCount: number;
    caCertsPath?: string;
  } {
    return {
      ...(this.#auth && { auth: this.#auth }),
      insecure: this.#insecure,
      caCertsCount: this.#caCerts.length,
      ...(this.#caCertsPath !== undefined && { caCertsPath: this.#caCertsPath }),
    };
  }

  /** @internal */
  take(): RegistryOptions {
    this.#state.consume();
    const { username, password } = this.#auth?.kind === 'basic' ? this.#auth : {};
    return {
      ...(username !== undefined && password !== undefined && { auth: { username, password } }),
      insecure: this.#insecure,
      caCerts: this.#caCerts,
      ...(this.#clientCert && { clientCert: this.#clientCert }),
      ...(this.#mirrors.length > 0 && { mirrors: this.#mirrors }),
    };
  }
}
