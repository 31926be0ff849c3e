import type { CachedImage, PullProgressEvent } from '@microsandbox/types';
import type { FlatImage } from '../flat/materialize-flat.ts';
import type { RegistryCredentials } from '../registry/credentials.ts';
import type { HostTls } from '../registry/host-tls.ts';
import type { HttpTimeouts } from '../registry/http-client.ts';
import type { Platform } from '../registry/platform.ts';

/** When to ask the registry: for what is not cached, always, or never. */
export type PullPolicy = 'if-missing' | 'always' | 'never';

/**
 * What is made of an image's layers: `layered` joins them to one read-only disk, `flat` makes one file system of them
 * that sandboxes clone, `all` does both.
 */
export type Materialization = 'layered' | 'flat' | 'all';

/** What is needed to look an image up in the cache. */
export interface CachedPullOptions {
  /** Name of the image as the user wrote it. */
  readonly reference: string;
  /** Folder of the image cache; made when missing. */
  readonly cacheDir: string;
  /** `if-missing` by default. */
  readonly pullPolicy?: PullPolicy;
  /** Makes everything anew, whatever is cached. */
  readonly force?: boolean;
  /** `layered` by default. */
  readonly materialization?: Materialization;
}

/** What every way of getting an image has. */
export interface BuildOptions {
  /** The machine's own, with Linux, by default. */
  readonly platform?: Platform;
  /** Told what happens; must not throw. */
  readonly onProgress?: (event: PullProgressEvent) => void;
  readonly signal?: AbortSignal;
}

/** How to speak to a registry. */
export interface RegistryAccess {
  /** Hosts (`host` or `host:port`) to speak plain HTTP with. */
  readonly insecureHosts?: readonly string[];
  /** PEM of certificates to trust besides the usual ones. */
  readonly caCerts?: readonly Buffer[];
  /** Hosts, as contacted, with TLS settings of their own. */
  readonly hosts?: Readonly<Record<string, HostTls>>;
  /** Hosts that serve the same images; asked first, in this order. */
  readonly mirrors?: readonly { readonly host: string; readonly auth?: RegistryCredentials }[];
  /** Where `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are looked for; the process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Anonymous when absent. */
  readonly auth?: RegistryCredentials;
  readonly timeouts?: Partial<HttpTimeouts>;
}

export interface PullOptions extends CachedPullOptions, BuildOptions {
  readonly registry?: RegistryAccess;
}

/** An image that is ready to boot from. */
export interface PulledImage {
  /** As the user wrote it. */
  readonly reference: string;
  readonly image: CachedImage;
  /** Disk of the whole image, read-only: merged metadata and all layers. Not made when only `flat` was asked for. */
  readonly vmdkPath: string;
  readonly fsmetaPath: string;
  /** Bottom first. */
  readonly layerPaths: readonly string[];
  /** Null unless it was asked for. */
  readonly flat: FlatImage | null;
  /** True when nothing had to be fetched. */
  readonly cached: boolean;
}
