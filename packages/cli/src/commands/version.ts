import type { CommandSpec } from '../command-line/command-spec.ts';
import { writeOut } from '../output/write.ts';
import { VERSION } from '../version.ts';

export const versionCommand: CommandSpec = {
  name: 'version',
  about: 'Print version',
  group: 'Installation',
  run: async () => {
    writeOut(`msb ${VERSION}\n`);
    return 0;
  },
};
