import { parseSizeMib } from '@microsandbox/utils';
import * as z from 'zod';
import { readable } from './readable.ts';
import { textOr } from './text-or.ts';

const mode = z
  .string()
  .regex(/^0[0-7]{3}$/, 'expected four octal digits in quotes, such as "0644"')
  .transform((text) => Number.parseInt(text, 8));
const replace = z.boolean().optional();
const content = z.string();
const path = z.string();

const PATCHES = {
  text: z.strictObject({ path, content, mode: mode.optional(), replace }),
  file: z.strictObject({ path, content_base64: z.base64(), mode: mode.optional(), replace }),
  copy_file: z.strictObject({ src: path, dst: path, mode: mode.optional(), replace }),
  copy_dir: z.strictObject({ src: path, dst: path, replace }),
  symlink: z.strictObject({ target: path, link: path, replace }),
  mkdir: z.strictObject({ path, mode: mode.optional() }),
  remove: z.strictObject({ path }),
  append: z.strictObject({ path, content }),
};

/** A change of the root file system: an object whose only key is its kind. */
export const patchSchema = z
  .strictObject(PATCHES)
  .partial()
  .refine((patch) => Object.keys(patch).length === 1, `expected one of ${Object.keys(PATCHES).join(', ')}`);

export const patchesSchema = z.array(patchSchema);

const SOURCES = ['bind', 'named', 'tmpfs', 'disk'] as const;

const mountObjectSchema = z
  .strictObject({
    bind: path.optional(),
    named: z.string().optional(),
    tmpfs: z
      .strictObject({ size: readable(parseSizeMib) })
      .partial()
      .nullable()
      .optional(),
    disk: path.optional(),
    target: path,
    create: z.enum(['existing', 'create', 'ensure-exists']).optional(),
    format: z.enum(['qcow2', 'raw', 'vmdk']).optional(),
    fstype: z.string().optional(),
    readonly: z.boolean().optional(),
    noexec: z.boolean().optional(),
    nosuid: z.boolean().optional(),
    nodev: z.boolean().optional(),
    stat_virtualization: z.enum(['strict', 'relaxed', 'off']).optional(),
    host_permissions: z.enum(['private', 'mirror']).optional(),
  })
  .superRefine((mount, context) => {
    const sources = SOURCES.filter((key) => key in mount);
    const refuse = (message: string): void => context.addIssue({ code: 'custom', message });
    if (sources.length !== 1) refuse(`a mount has exactly one of ${SOURCES.join(', ')}`);
    const only = (keys: readonly (keyof typeof mount)[], kinds: readonly string[]): void => {
      for (const key of keys) {
        if (mount[key] === undefined || sources.some((source) => kinds.includes(source))) continue;
        context.addIssue({ code: 'custom', path: [key], message: `only for ${kinds.join(' or ')} mounts` });
      }
    };
    only(['create'], ['named']);
    only(['format', 'fstype'], ['disk']);
    only(['stat_virtualization', 'host_permissions'], ['bind', 'named']);
  });

export type MountFile = z.infer<typeof mountObjectSchema>;

/** `SOURCE:TARGET[:ro]`, of folders and files of the host only. */
const mountTextSchema = z.string().transform((text, context): MountFile => {
  const [, bind, target, option] = /^([./][^:]*):([^:]+)(?::(.*))?$/.exec(text) ?? [];
  if (bind === undefined || target === undefined || (option !== undefined && option !== 'ro')) {
    context.addIssue({
      code: 'custom',
      message: 'expected SOURCE:TARGET[:ro] with a source that starts with `.` or `/`',
    });
    return z.NEVER;
  }
  return { bind, target, ...(option === 'ro' && { readonly: true }) };
});

/** Mounts, each a text or an object. */
export const mountsSchema = z.array(textOr<MountFile, MountFile>(mountTextSchema, mountObjectSchema));

export type PatchFile = z.infer<typeof patchSchema>;
