/** Media types of manifests (OCI image specification; Docker image manifest, schema 2). */
const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

/** All that can be read. */
export const MANIFEST_MEDIA_TYPES: readonly string[] = [
  DOCKER_MANIFEST,
  DOCKER_INDEX,
  OCI_MANIFEST,
  OCI_INDEX,
];

export const INDEX_MEDIA_TYPES: readonly string[] = [DOCKER_INDEX, OCI_INDEX];

/** Longest manifest or index, bytes: what registries themselves accept. */
export const MANIFEST_BYTES = 4 * 1024 * 1024;

/** Longest image configuration, bytes. */
export const CONFIG_BYTES = 8 * 1024 * 1024;
