import { arch, release, type } from 'node:os';
import { resolveHome } from '@microsandbox/utils';
import type { BootInfo } from 'microsandbox';
import type { DoctorOptions } from '../commands/doctor.ts';
import { checkHost } from '../doctor/check-host.ts';
import type { HostCheck } from '../doctor/host-check.ts';
import { tryBoot } from '../doctor/try-boot.ts';
import { paintOut, type Style } from '../output/colour.ts';
import { padEnd } from '../output/display-width.ts';
import { renderJson } from '../output/json.ts';
import { writeOut } from '../output/write.ts';
import { withSpinner } from '../progress/spinner.ts';
import { VERSION } from '../version.ts';

const MARKS: Readonly<Record<HostCheck['status'], readonly [Style, string]>> = {
  ok: ['green', '✓'],
  warning: ['yellow', '!'],
  problem: ['red', '✗'],
};

/** What `--fix` did. */
interface AppliedFix {
  readonly check: string;
  readonly done: string;
}

/**
 * `msb doctor`: what sandboxes need and whether it is here. The exit code is 1 only when nothing can boot; the report
 * is data, so it goes to standard output (spec: cli 10.5 with its corrections).
 */
export async function diagnose(options: DoctorOptions): Promise<number> {
  const fixes = options.fix ? await applyFixes(await checkHost(process.env), options) : [];
  const checks = await checkHost(process.env);
  const healthy = checks.every(({ status }) => status !== 'problem');
  const boot = options.boot && healthy ? await bootOnce(options) : null;
  const facts = {
    platform: `${type()} ${arch()} ${release()}`,
    node: process.version,
    version: VERSION,
    home: resolveHome(),
  };
  writeOut(
    options.format === 'json'
      ? renderJson({ ...facts, healthy, checks, ...(options.fix && { fixes }), ...(boot && { boot }) })
      : [
          factLines(facts),
          ...fixes.map(fixLine),
          ...checks.map(checkLines),
          bootLines(boot),
          verdict(healthy),
        ].join(''),
  );
  return healthy ? 0 : 1;
}

async function applyFixes(checks: readonly HostCheck[], options: DoctorOptions): Promise<AppliedFix[]> {
  const applied: AppliedFix[] = [];
  for (const { name, fix } of checks) {
    if (fix === undefined) continue;
    const done = await withSpinner('Fixing', null, name, { quiet: options.format === 'json' }, () =>
      fix().catch((error: Error) => `failed: ${error.message}`),
    );
    applied.push({ check: name, done });
  }
  return applied;
}

function bootOnce(options: DoctorOptions): Promise<BootInfo> {
  return withSpinner('Booting', null, 'an empty sandbox', { quiet: options.format === 'json' }, tryBoot);
}

function factLines(facts: Readonly<Record<string, string>>): string {
  return Object.entries(facts)
    .map(([name, value]) => `${paintOut('cyanBold', 'info')} ${name}: ${value}\n`)
    .join('');
}

function fixLine({ check, done }: AppliedFix): string {
  return `${paintOut('cyanBold', 'info')} fixed ${check}: ${done}\n`;
}

function checkLines({ name, status, value, hint }: HostCheck): string {
  const [style, mark] = MARKS[status];
  const row = `   ${paintOut(style, mark)} ${padEnd(name, 13)} ${value}\n`;
  return hint === undefined ? row : `${row}     ${paintOut('dim', '→')} ${hint}\n`;
}

/** How long each part of the boot took. */
function bootLines(boot: BootInfo | null): string {
  if (boot === null) return '';
  const { vmm, phasesMs } = boot;
  const phases = Object.entries(phasesMs).map(
    ([name, ms]) => `     ${padEnd(name, 13)} ${ms.toFixed(0)} ms\n`,
  );
  return `   ${paintOut('green', '✓')} ${padEnd('boot', 13)} ${vmm.driver} with ${vmm.accelerator}\n${phases.join('')}`;
}

function verdict(healthy: boolean): string {
  return healthy
    ? `${paintOut('greenBold', 'done')} Host setup is ready.\n`
    : `${paintOut('redBold', 'error:')} no sandbox can boot here\n`;
}
