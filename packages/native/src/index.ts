export type * from './addon.ts';
