// Probes libkrun and QEMU as a start does, and prints what they say as JSON. `node print-probes.ts <cache folder>`
import { krunDriver } from '../src/krun/krun-driver.ts';
import { qemuDriver } from '../src/qemu/qemu-driver.ts';

const options = { env: process.env, cacheDir: process.argv[2] ?? '' };
const [krun, qemu] = await Promise.all([krunDriver.probe(options), qemuDriver.probe(options)]);
process.stdout.write(JSON.stringify({ krun, qemu }));
