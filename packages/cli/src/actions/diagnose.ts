import { arch, release, type } from 'node:os';
import { resolveHome } from '@microsandbox/utils';
import type { DoctorOptions } from '../commands/doctor.ts';
import { paintOut, type Style } from '../output/colour.ts';
import { padEnd } from '../output/display-width.ts';
import { renderJson } from '../output/json.ts';
import { writeOut } from '../output/write.ts';
import { VERSION } from '../version.ts';
import { checkHost, type HostCheck } from './host-checks.ts';

const MARKS: Readonly<Record<HostCheck['status'], readonly [Style, string]>> = {
  ok: ['green', '✓'],
  warning: ['yellow', '!'],
  error: ['red', '✗'],
};

/**
 * `msb doctor`: what a boot needs and whether it is here. The exit code is 1 only when nothing can boot; the report is
 * data, so it goes to standard output (spec: cli 10.5 with its corrections).
 */
export async function diagnose(options: DoctorOptions): Promise<number> {
  const checks = await checkHost(process.env);
  const healthy = checks.every(({ status }) => status !== 'error');
  const facts = {
    platform: `${type()} ${arch()} ${release()}`,
    node: process.version,
    version: VERSION,
    home: resolveHome(),
  };
  writeOut(
    options.format === 'json'
      ? renderJson({ ...facts, healthy, checks })
      : `${factLines(facts)}${checks.map(checkLines).join('')}${verdict(healthy)}`,
  );
  return healthy ? 0 : 1;
}

function factLines(facts: Readonly<Record<string, string>>): string {
  return Object.entries(facts)
    .map(([name, value]) => `${paintOut('cyanBold', 'info')} ${name}: ${value}\n`)
    .join('');
}

function checkLines({ name, status, value, hint }: HostCheck): string {
  const [style, mark] = MARKS[status];
  const row = `   ${paintOut(style, mark)} ${padEnd(name, 12)} ${value}\n`;
  return hint === undefined ? row : `${row}     ${paintOut('dim', '→')} ${hint}\n`;
}

function verdict(healthy: boolean): string {
  return healthy
    ? `${paintOut('greenBold', 'done')} Host setup is ready.\n`
    : `${paintOut('redBold', 'error:')} no sandbox can boot here\n`;
}
