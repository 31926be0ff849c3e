import { libraryConfig } from '../../tsup.base.ts';

// cborg has no CommonJS build, so it travels inside ours.
export default libraryConfig({ noExternal: ['cborg'] });
