import type { CachedImage } from '@microsandbox/types';
import { hasFields, isInteger, isListOf, isMapOf, isText, orNull } from '@microsandbox/utils';

const isTexts = isListOf(isText);
const maybeText = orNull(isText);

const isImage = hasFields({
  manifest_digest: isText,
  config_digest: isText,
  raw_manifest_json: isText,
  raw_config_json: isText,
  config: hasFields({
    env: isTexts,
    cmd: orNull(isTexts),
    entrypoint: orNull(isTexts),
    working_dir: maybeText,
    user: maybeText,
    exposed_ports: isTexts,
    volumes: isTexts,
    labels: isMapOf(isText),
    stop_signal: maybeText,
  }),
  layers: isListOf(
    hasFields({ digest: isText, media_type: maybeText, size_bytes: orNull(isInteger()), diff_id: isText }),
  ),
});

/** Whether a value is what `cachedImageSchema` takes, without the schema library: every start of a sandbox asks. */
export function isCachedImage(value: unknown): value is CachedImage {
  return isImage(value);
}
