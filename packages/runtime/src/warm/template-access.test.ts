import { expect, it } from 'vitest';
import { templateAccess } from './template-access.ts';

it.each([
  ['7.2.22', 'private', 'fd:7'],
  ['8.1.5', 'private', 'fd:7'],
  ['8.2.0', 'private-read-only', 'file:/warm/key/state'],
  ['10.0.2', 'private-read-only', 'file:/warm/key/state'],
  ['nonsense', 'private', 'fd:7'],
])('QEMU %s maps the memory %s and loads from %s', (qemuVersion, memoryUse, uri) => {
  const access = templateAccess({ qemuVersion, statePath: '/warm/key/state' });
  expect([access.memoryUse, access.stateUri(7)]).toEqual([memoryUse, uri]);
});
