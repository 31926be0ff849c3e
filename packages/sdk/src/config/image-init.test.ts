import { type ImageConfig, sandboxConfigSchema } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { withImageDefaults } from './image-defaults.ts';
import { withImageInit, withoutInitCommand } from './image-init.ts';

const AUTO = { cmd: 'auto', args: [] as string[], env: [] as [string, string][] };

/** A configuration over an image with this entrypoint, for a run with `command`. */
function resolve(
  entrypoint: string[] | null,
  command: string[] | null,
  extra: Readonly<Record<string, unknown>> = {},
) {
  const image: ImageConfig = {
    env: ['A=image', 'B=image'],
    cmd: ['serve'],
    entrypoint,
    working_dir: '',
    user: '',
    exposed_ports: [],
    volumes: [],
    labels: {},
    stop_signal: null,
  };
  const wanted = sandboxConfigSchema.parse({
    name: 'box',
    image: { Oci: { reference: 'alpine' } },
    init: AUTO,
    ...extra,
  });
  return withImageInit(wanted, withImageDefaults(wanted, image), image, command);
}

describe('an init of the image', () => {
  it('is found at the start of the entrypoint, and gets the environment', () => {
    const { config, ownsCommand } = resolve(['/sbin/init'], ['words'], {
      init: { ...AUTO, env: [['B', 'init']] },
    });
    expect(config.init).toEqual({
      cmd: '/sbin/init',
      args: [],
      env: [
        ['A', 'image'],
        ['B', 'init'],
      ],
    });
    expect(config.runtime.entrypoint).toBeNull();
    expect(ownsCommand).toBe(false);
  });

  it.each([
    [['/init'], ['a', 'b'], ['a', 'b']],
    [['/init'], [], ['serve']],
    [['/init', '/wrap'], ['a'], ['/wrap', 'a']],
    [['/sbin/init', '/wrap'], ['a'], ['/wrap', 'a']],
  ])('%j with the command %j runs %j', (entrypoint, command, args) => {
    const found = resolve(entrypoint, command);
    expect(found).toMatchObject({ ownsCommand: true, config: { init: { cmd: entrypoint[0], args } } });
    expect(found.config.runtime.entrypoint).toEqual(entrypoint.length > 1 ? entrypoint.slice(1) : null);
    expect(withoutInitCommand(found).init?.args).toEqual([]);
  });

  it('runs no command that nobody gave, nor one where the user chose entrypoint or arguments', () => {
    expect(resolve(['/init', '/wrap'], null).ownsCommand).toBe(false);
    expect(resolve(['/init'], ['a'], { runtime: { entrypoint: ['/own'] } })).toMatchObject({
      ownsCommand: false,
      config: { init: { cmd: '/init' }, runtime: { entrypoint: ['/own'] } },
    });
    const kept = resolve(['/init'], ['a'], { init: { ...AUTO, args: ['x'] } });
    expect(kept).toMatchObject({ ownsCommand: false, config: { init: { args: ['x'] } } });
    expect(withoutInitCommand(kept).init?.args).toEqual(['x']);
  });

  it.each([[null], [['/bin/sh']], [[]]])(
    'is looked for in the guest when the entrypoint is %j',
    (entrypoint) => {
      expect(resolve(entrypoint, ['a'])).toMatchObject({ ownsCommand: false, config: { init: AUTO } });
    },
  );
});
