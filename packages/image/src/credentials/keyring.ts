import type { RegistryCredentials } from '../registry/credentials.ts';

/** Where the operating system keeps passwords. */
export interface Keyring {
  /** What is stored for a registry, or null. Rejects when the keyring cannot be read. */
  read(registry: string): Promise<RegistryCredentials | null>;
  write(registry: string, credentials: RegistryCredentials): Promise<void>;
  /** Whether there was something to remove. */
  remove(registry: string): Promise<boolean>;
}

const SERVICE = 'dev.microsandbox.registry';

/**
 * The keyring of this system: Keychain on macOS, Credential Manager on Windows, the Secret Service on Linux, where the
 * kernel's own keyring would forget everything with the next boot. Entries are upstream's: a service name, the
 * registry as account, and JSON as secret.
 */
export const systemKeyring: Keyring = {
  async read(registry) {
    const secret = await (await openEntry(registry)).getSecret();
    return secret === null ? null : decodeSecret(Buffer.from(secret).toString('utf8'));
  },
  async write(registry, { username, password }) {
    await (await openEntry(registry)).setSecret(Buffer.from(JSON.stringify({ username, password }), 'utf8'));
  },
  async remove(registry) {
    return await (await openEntry(registry)).deleteCredential();
  },
};

/** Loaded when needed: most commands never ask. */
async function openEntry(registry: string) {
  const { AsyncEntry } = await import('@napi-rs/keyring');
  return new AsyncEntry(SERVICE, registry, { linux: { store: 'secret-service' } });
}

/** @throws {TypeError} when somebody else wrote the entry. */
function decodeSecret(text: string): RegistryCredentials {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would quote the secret.
    throw new TypeError('the entry is not JSON');
  }
  const { username, password } = (value ?? {}) as Record<string, unknown>;
  if (typeof username !== 'string' || typeof password !== 'string')
    throw new TypeError('the entry lacks fields');
  return { username, password };
}
