import type { VmSpec } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { fillToClass, layoutClass, whyOutsideClass } from './layout-class.ts';

const machine = (ports: readonly string[], disks = 2) =>
  ({ ports, disks: new Array(disks).fill({ id: 'd' }) }) as unknown as VmSpec;

describe('layout classes', () => {
  it('give a machine the smallest class it fits in', () => {
    expect(layoutClass(machine(['agent']))).toBe('v3.0fs');
    expect(layoutClass(machine(['agent', 'fs.0']))).toBe('v3.1fs');
    expect(layoutClass(machine(['agent', 'fs.0', 'fs.1']))).toBe('v3.4fs');
  });

  it('are filled up with ports that lead nowhere, empty disks and an interface', () => {
    const filling = fillToClass(machine(['agent', 'fs.0', 'fs.1'], 1));
    expect(filling.unconnectedPorts).toEqual(['fs.2', 'fs.3']);
    expect(filling.emptyDisks).toBe(3);
    expect(filling.spec.network?.mac).toMatch(/^02:/);
    expect(fillToClass(machine(['agent'])).unconnectedPorts).toEqual([]);
  });

  it('say why a machine is in none', () => {
    expect(whyOutsideClass(machine(['agent'], 4))).toBeNull();
    expect(whyOutsideClass(machine(['agent'], 5))).toBe('it has 5 disks, and templates have 4');
    expect(whyOutsideClass(machine(['agent', 'other']))).toBe('templates have no port other at its place');
    const nine = ['agent', ...Array.from({ length: 9 }, (_, index) => `fs.${index}`)];
    expect(whyOutsideClass(machine(nine))).toBe('it has 10 ports');
  });
});
