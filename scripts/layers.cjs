/** Packages from the bottom layer up. A package may import only what stands before it. */
const LAYERS = [
  'types',
  'native',
  'utils',
  'protocol',
  'migration',
  'db',
  'image',
  'network',
  'runtime',
  'sdk',
  'cli',
];

/** Exceptions that narrow a layer further: usable alone means without the catalog. */
const NEVER = { image: ['protocol', 'migration', 'db'], network: ['migration', 'db', 'image'] };

function forbiddenBetweenLayers() {
  return LAYERS.flatMap((name, index) => {
    const above = [...LAYERS.slice(index + 1), ...(NEVER[name] ?? [])];
    if (above.length === 0) return [];
    return [
      {
        name: `layer-${name}`,
        comment: `packages/${name} may not import ${above.join(', ')}.`,
        severity: 'error',
        from: { path: `^packages/${name}/src/` },
        to: { path: `^packages/(${above.join('|')})/` },
      },
    ];
  });
}

module.exports = { LAYERS, forbiddenBetweenLayers };
