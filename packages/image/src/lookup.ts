// What finds an image that is cached: part of the package, and quick to load where the whole takes its time.
export * from './pull/pull-cached.ts';
export * from './reference/parse-image-reference.ts';
export * from './registry/platform.ts';
