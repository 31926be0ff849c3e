/** Name of an image, taken apart. Made by parseImageReference. */
export interface ImageReference {
  /** Host, with a port if one was given: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** Path below the host: `library/alpine`. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:…`; wins over the tag when both are there. */
  readonly digest?: string;
  /** `registry/repository[:tag][@digest]`; the identity of a cached image. */
  readonly canonical: string;
  /** Host that is spoken to; differs from {@link registry} for `docker.io`. */
  readonly contactedHost: string;
}
