import { InvalidConfigError } from '@microsandbox/types';
import { parseCheckableDigest } from './image-digest.ts';
import type { ImageReference } from './image-reference.ts';

// Grammar: github.com/distribution/reference. No two parts of it can match the same text in different ways, so that
// matching takes linear time.
const DOMAIN_COMPONENT = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)';
const DOMAIN = `${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*(?::[0-9]+)?`;
const PATH_COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATH = `${PATH_COMPONENT}(?:/${PATH_COMPONENT})*`;
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(`^((?:${DOMAIN}/)?${PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`);

/** Longer texts are not looked at; the parts' own limits add up to less. */
const MAX_LENGTH = 2048;
const MAX_REPOSITORY = 255;

const DEFAULT_REGISTRY = 'docker.io';
/** Name of the default registry's server. */
const DEFAULT_SERVER = 'index.docker.io';

/**
 * Takes an image's name apart and fills in what it leaves out: `alpine` is `docker.io/library/alpine:latest`.
 *
 * @throws {InvalidConfigError} when it is not a name of an image.
 */
export function parseImageReference(text: string): ImageReference {
  if (text === '') throw invalid('repository name must have at least one component');
  const match = text.length <= MAX_LENGTH ? REFERENCE.exec(text) : null;
  if (match === null) throw invalid('invalid reference format', text);
  const [, name = '', tag, digest] = match;
  const { registry, repository } = splitName(name);
  if (repository.length > MAX_REPOSITORY) {
    throw invalid(`repository name must not be more than ${MAX_REPOSITORY} characters`);
  }
  const checked = digest === undefined ? undefined : checkDigest(digest);
  return assemble(registry, repository, tag ?? (checked === undefined ? 'latest' : undefined), checked);
}

/** The same image by its content: repository and manifest digest, without a tag. */
export function pinnedReference(reference: ImageReference, digest: string): ImageReference {
  return assemble(reference.registry, reference.repository, undefined, digest);
}

function assemble(
  registry: string,
  repository: string,
  tag: string | undefined,
  digest: string | undefined,
): ImageReference {
  const tagPart = tag === undefined ? '' : `:${tag}`;
  const digestPart = digest === undefined ? '' : `@${digest}`;
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
    canonical: `${registry}/${repository}${tagPart}${digestPart}`,
    contactedHost: registry === DEFAULT_REGISTRY ? DEFAULT_SERVER : registry,
  };
}

/** The part before the first slash is a host only if it looks like one. */
function splitName(name: string): { readonly registry: string; readonly repository: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  if (slash < 0 || (!/[.:]/.test(first) && first !== 'localhost')) return inDefaultRegistry(name);
  const repository = name.slice(slash + 1);
  if (first === DEFAULT_REGISTRY || first === DEFAULT_SERVER) return inDefaultRegistry(repository);
  return { registry: first, repository };
}

function inDefaultRegistry(repository: string): { readonly registry: string; readonly repository: string } {
  if (/[A-Z]/.test(repository)) throw invalid('repository name must be lowercase', repository);
  return {
    registry: DEFAULT_REGISTRY,
    repository: repository.includes('/') ? repository : `library/${repository}`,
  };
}

function checkDigest(digest: string): string {
  try {
    parseCheckableDigest(digest);
    return digest;
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

function invalid(cause: string, text?: string): InvalidConfigError {
  const shown = text === undefined ? '' : `: ${JSON.stringify(text.slice(0, 120))}`;
  return new InvalidConfigError(`invalid image reference: ${cause}${shown}`, {
    hint: 'write NAME, NAME:TAG, HOST/NAME:TAG or HOST/NAME@sha256:DIGEST',
  });
}
