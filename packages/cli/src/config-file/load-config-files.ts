import * as z from 'zod';
import { type ConfigDocument, checkedValue, readConfigDocument } from './config-document.ts';
import type { ConfigArgument, ConfigKind } from './config-kind.ts';
import { type EnvironmentOptions, withEnvironment } from './environment-references.ts';
import { type PatchFile, patchesSchema } from './file-system-schema.ts';
import { patchPaths, withHostPaths } from './host-paths.ts';
import { mergeFiles } from './merge-files.ts';
import { networkObjectSchema, secretsSchema } from './network-schema.ts';
import { PROJECT_KEYS, type SandboxFile, sandboxSchema, scriptsSchema } from './sandbox-schema.ts';

type Environment = EnvironmentOptions['environment'];

/**
 * What configuration files say together, the later over the earlier (spec: cli 5).
 *
 * @throws InvalidConfigError that names file, line and key
 */
export async function loadConfigFiles(
  files: readonly ConfigArgument[],
  environment: Environment = process.env,
): Promise<SandboxFile> {
  const loaded: SandboxFile[] = [];
  for (const file of files) loaded.push(await loadFile(file, environment));
  return loaded.reduce(mergeFiles, {});
}

async function loadFile({ kind, path }: ConfigArgument, environment: Environment): Promise<SandboxFile> {
  const document = await readConfigDocument(path, kind.title);
  assertRightKind(document, kind);
  const secrets = kind.key === 'secrets' ? [] : ['secrets'];
  const value = withEnvironment(document.value, {
    environment,
    complain: document.complain,
    mayStay: (at) => at.at(-1) === 'value' && secrets.every((step, index) => at[index] === step),
  });
  const {
    patch_files = [],
    ports,
    ...file
  } = withHostPaths(fileOfKind(document, kind, value), document.folder);
  const patches = (await Promise.all(patch_files.map((file) => loadPatches(file, environment)))).flat();
  return {
    ...file,
    ...((patches.length > 0 || file.patches) && { patches: [...patches, ...(file.patches ?? [])] }),
    ...(ports && { network: { ...file.network, ports: [...(file.network?.ports ?? []), ...ports] } }),
  };
}

function fileOfKind(document: ConfigDocument, kind: ConfigKind, value: unknown): SandboxFile {
  switch (kind.key) {
    case 'network':
      return { network: checkedValue(document, networkObjectSchema, value) };
    case 'secrets':
      return { secrets: checkedValue(document, secretsSchema, value) };
    case 'scripts':
      return { scripts: checkedValue(document, scriptsSchema, value) };
  }
  const file = checkedValue(document, sandboxSchema, value);
  const stranger = Object.keys(file).find((key) => kind.keys?.includes(key) === false);
  if (stranger !== undefined) throw document.complain([stranger], 'unknown field');
  return file;
}

/** Says what a file is that was given to the wrong option. */
function assertRightKind({ value, complain }: ConfigDocument, { option, key, keys }: ConfigKind): void {
  if (typeof value !== 'object' || value === null) return;
  if (key !== undefined && Object.keys(value).length === 1 && key in value) {
    const problem = `--${option} expects the contents without a \`${key}:\` wrapper; use --conf for a root-shaped file`;
    throw complain([key], problem);
  }
  if (key !== undefined || keys !== undefined) return;
  const project = PROJECT_KEYS.find((word) => word in value);
  if (project === undefined) return;
  throw complain([project], `\`${project}\` is project-only and is not valid in sandbox configuration`);
}

const patchFileSchema = z.strictObject({ patches: patchesSchema });

async function loadPatches(path: string, environment: Environment): Promise<PatchFile[]> {
  const document = await readConfigDocument(path, 'rootfs patch file');
  const { complain } = document;
  const value = withEnvironment(document.value, { environment, complain, mayStay: () => false });
  return patchPaths(checkedValue(document, patchFileSchema, value).patches, document.folder);
}
