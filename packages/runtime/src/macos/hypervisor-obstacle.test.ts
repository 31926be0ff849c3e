import { describe, expect, it } from 'vitest';
import { hypervisorFacts } from './hypervisor-facts.ts';
import { hypervisorObstacle } from './hypervisor-obstacle.ts';

describe('hypervisorObstacle', () => {
  it('sees none on a Mac with the framework and the signing tool', () => {
    expect(hypervisorObstacle({ supported: true, canSign: true })).toBeNull();
  });

  it.each([
    [{ supported: false, canSign: true }, /no Hypervisor.framework/, /nested|MSB_ACCEL=tcg/],
    [{ supported: true, canSign: false }, /com\.apple\.security\.hypervisor/, /xcode-select --install/],
    [{ supported: null, canSign: true }, /kern\.hv_support/, /MSB_ACCEL=tcg/],
  ])('names what is missing and the way out: %o', (facts, reason, hint) => {
    const obstacle = hypervisorObstacle(facts);
    expect(obstacle?.reason).toMatch(reason);
    expect(obstacle?.hint).toMatch(hint);
  });

  it.skipIf(process.platform === 'darwin')('does not take another system for a Mac', async () => {
    expect(await hypervisorFacts()).toMatchObject({ supported: null });
  });
});
