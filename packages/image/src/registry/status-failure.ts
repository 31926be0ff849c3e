import type { HttpResponse } from './http-client.ts';
import { readDocument } from './read-document.ts';
import { RegistryFailure } from './registry-failure.ts';

const ERROR_BODY_BYTES = 64 * 1024;
/** An explanation that takes longer is done without. */
const ERROR_BODY_MS = 5000;
const SHOWN_CHARACTERS = 200;

/** What was asked for, for messages. */
export interface RequestSubject {
  /** `docker.io/library/alpine:latest`, or a blob of it. */
  readonly what: string;
  /** Host as people write it. */
  readonly registry: string;
  readonly hasCredentials: boolean;
}

/** Turns an answer that is no success into an error; reads the body. */
export async function statusFailure(
  response: HttpResponse,
  subject: RequestSubject,
): Promise<RegistryFailure> {
  const { status, url } = response;
  const detail = await serverMessage(response);
  const said = detail === '' ? `${status}` : `${status}: ${detail}`;
  const { what, registry } = subject;
  if (status === 401 || status === 403) return denied(said, subject);
  if (status === 404) {
    return new RegistryFailure('imageNotFound', `${what} not found on ${url.host} (${said})`, {
      hint: 'check the name and the tag',
    });
  }
  if (status === 429) {
    return new RegistryFailure('registryUnreachable', `${url.host} asks to slow down for ${what} (${said})`, {
      hint: subject.hasCredentials
        ? 'try again later'
        : `log in with msb registry login ${registry}, or try again later`,
      isTransient: true,
      retryAfterMs: retryAfter(response.header('retry-after')),
    });
  }
  if (status >= 500) {
    return new RegistryFailure('registryUnreachable', `${url.host} failed to serve ${what} (${said})`, {
      hint: 'try again later',
      isTransient: true,
      retryAfterMs: retryAfter(response.header('retry-after')),
    });
  }
  const speaksTls = url.protocol === 'http:' && /HTTPS server/i.test(detail);
  return new RegistryFailure('image', `${url.host} refused the request for ${what} (${said})`, {
    ...(speaksTls ? { hint: `${url.host} speaks HTTPS: leave --insecure away` } : {}),
  });
}

function denied(said: string, { what, registry, hasCredentials }: RequestSubject): RegistryFailure {
  const hint = hasCredentials
    ? `check the credentials for ${registry} and that they may pull this image`
    : `check the name; if the image is private, run msb registry login ${registry}`;
  return new RegistryFailure('registryUnauthorized', `access to ${what} denied (${said})`, { hint });
}

/** First error of the body (OCI distribution specification, error codes), or its text, made safe to print. */
async function serverMessage(response: HttpResponse): Promise<string> {
  let text: string;
  try {
    const limits = { limitBytes: ERROR_BODY_BYTES, timeoutMs: ERROR_BODY_MS };
    text = (await readDocument(response, { ...limits, what: 'error' })).toString('utf8');
  } catch {
    return '';
  }
  return printable(firstError(text) ?? (text.includes('<') ? '' : text));
}

function firstError(text: string): string | undefined {
  try {
    const { errors, details, message } = JSON.parse(text) as Record<string, unknown>;
    if (Array.isArray(errors)) {
      const { code, message: reason } = (errors[0] ?? {}) as Record<string, unknown>;
      return [reason, code].find((part): part is string => typeof part === 'string' && part !== '') ?? '';
    }
    return [details, message].find((part): part is string => typeof part === 'string') ?? '';
  } catch {
    return undefined;
  }
}

function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, SHOWN_CHARACTERS);
}

/** Seconds or a date (RFC 9110, section 10.2.3). */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(ms, 0) : undefined;
}
