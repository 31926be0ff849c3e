export type * from './addon.ts';
export { agentdPath } from './agentd-path.ts';
export { addon } from './load-addon.ts';
