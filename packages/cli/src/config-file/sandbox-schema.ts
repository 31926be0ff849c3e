import { RLIMIT_RESOURCES } from '@microsandbox/types';
import { parseDurationSecs, parseSizeMib } from '@microsandbox/utils';
import * as z from 'zod';
import { mountsSchema, patchesSchema } from './file-system-schema.ts';
import { networkSchema, portsSchema, secretsSchema } from './network-schema.ts';
import { readable } from './readable.ts';
import { textOr } from './text-or.ts';

const texts = z.array(z.string());
const textMap = z.record(z.string(), z.string());
const limit = z.number().int().nonnegative();

const IMAGE_SOURCES = ['oci', 'snapshot', 'disk', 'bind'] as const;

const imageObjectSchema = z
  .strictObject({
    oci: z.string(),
    snapshot: z.string(),
    disk: z.string(),
    bind: z.string(),
    /** Size of the writable disk over an `oci` image. */
    upper_size: readable(parseSizeMib),
    /** File system on a `disk`. */
    fstype: z.string(),
  })
  .partial()
  .superRefine((image, context) => {
    const refuse = (message: string): void => context.addIssue({ code: 'custom', message });
    if (IMAGE_SOURCES.filter((key) => key in image).length !== 1) {
      refuse('image object must contain exactly one of `oci`, `snapshot`, `disk`, or `bind`');
    }
    if (image.upper_size !== undefined && image.oci === undefined)
      refuse('`upper_size` goes with `oci` only');
    if (image.fstype !== undefined && image.disk === undefined) refuse('`fstype` goes with `disk` only');
  });

/** Scripts by name: what `scripts` and `--script-conf` hold. */
export const scriptsSchema = z.record(z.string(), z.string()).superRefine((scripts, context) => {
  for (const name of Object.keys(scripts)) {
    if (name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name)) continue;
    const message = `script name ${JSON.stringify(name)} must be a single non-empty filename`;
    context.addIssue({ code: 'custom', path: [name], message });
  }
});

/** The whole document; every key may be missing (spec: cli 5). */
export const sandboxSchema = z
  .strictObject({
    image: textOr(z.string(), imageObjectSchema),
    pull_policy: z.enum(['missing', 'always', 'never']),
    registry: z
      .strictObject({ username: z.string(), password_env: z.string() })
      .partial()
      .refine(
        ({ username, password_env }) => (username === undefined) === (password_env === undefined),
        'registry.username and registry.password_env must be specified together',
      ),
    cpus: z.number().int().min(0).max(255),
    memory: readable(parseSizeMib),
    max_duration: readable(parseDurationSecs),
    idle_timeout: readable(parseDurationSecs),
    rlimits: z.array(
      z.strictObject({ resource: z.enum(RLIMIT_RESOURCES), soft: limit, hard: limit.optional() }),
    ),
    workdir: z.string(),
    shell: z.string(),
    user: z.string(),
    hostname: z.string(),
    security: z.enum(['default', 'restricted']),
    entrypoint: texts,
    cmd: texts,
    env: textMap,
    labels: textMap,
    init: z.strictObject({
      cmd: z.string().regex(/^(auto$|\/)/, 'expected an absolute path or `auto`'),
      args: texts.optional(),
      env: textMap.optional(),
    }),
    mounts: mountsSchema,
    patch_files: texts,
    patches: patchesSchema,
    network: networkSchema,
    secrets: secretsSchema,
    scripts: scriptsSchema,
    ports: portsSchema,
  })
  .partial();

/** A description of a sandbox, complete or not. */
export type SandboxFile = z.infer<typeof sandboxSchema>;

/** Keys of compose files, which are not sandboxes. */
export const PROJECT_KEYS = ['sandboxes', 'layers', 'volumes', 'depends_on', 'name', 'description'] as const;
