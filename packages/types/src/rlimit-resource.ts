/** Resources a guest process can be limited in, in the spelling of options (spec: cli 3.13). */
export const RLIMIT_RESOURCES = [
  'cpu',
  'fsize',
  'data',
  'stack',
  'core',
  'rss',
  'nproc',
  'nofile',
  'memlock',
  'as',
  'locks',
  'sigpending',
  'msgqueue',
  'nice',
  'rtprio',
  'rttime',
] as const;

export type RlimitResource = (typeof RLIMIT_RESOURCES)[number];
