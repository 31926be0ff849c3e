export type * from './addon.ts';
export { agentdPath } from './agentd-path.ts';
export type * from './certificates.ts';
export type * from './layers.ts';
export { addon } from './load-addon.ts';
export type * from './metrics.ts';
export type * from './network.ts';
export { STREAM_LOOKAHEAD_BYTES } from './network.ts';
export type * from './shares.ts';
