import { currentBackend } from '../backend/current-backend.ts';
import {
  listRegistries,
  loginRegistry,
  logoutRegistry,
  type RegistryEntry,
  type RegistryLogin,
} from './registry-credentials.ts';

const local = (operation: string) => currentBackend().local(`Registries::${operation}`);

/** Credentials of registries on this host. References name a registry as pulls do: `docker.io`, `host:5000`. */
export const Registries = {
  /**
   * Remembers credentials for all later pulls. They are not tried.
   *
   * @throws RuntimeError when the system has no keyring and no other store is chosen
   */
  async login(registry: string, login: RegistryLogin): Promise<void> {
    const { systemKeyring } = await import('@microsandbox/image');
    return loginRegistry(local('login'), registry, login, systemKeyring);
  },
  /** Forgets them; resolves to whether there were any. */
  async logout(registry: string): Promise<boolean> {
    const { systemKeyring } = await import('@microsandbox/image');
    return logoutRegistry(local('logout'), registry, systemKeyring);
  },
  /** Registries with credentials, by name. */
  list: (): Promise<RegistryEntry[]> => listRegistries(local('list')),
} as const;
