import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidConfigError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { integerUpTo } from './integer.ts';
import { parseEnvEntry, parseLabel } from './key-value.ts';
import { PULL_POLICIES, parseKeyword } from './keyword.ts';
import { prefixed } from './prefixed.ts';
import { parseRlimit } from './rlimit.ts';
import { parseRootDisk } from './root-disk.ts';
import { checkShell, parseRawScript, parseScript, readScript } from './script.ts';
import { parseTmpfs } from './tmpfs.ts';

/** The parser refuses `text` with exactly `message`. */
function refuses(parse: (text: string) => unknown, text: string, message: string): void {
  expect(() => parse(text), text).toThrow(InvalidConfigError);
  expect(() => parse(text), text).toThrow(expect.objectContaining({ message }));
}

const noFlags = { readonly: false, noexec: false, nosuid: false, nodev: false };

describe('environment and labels', () => {
  it('splits at the first equals sign and takes missing values from the host', () => {
    expect(parseEnvEntry('A=b=c', {})).toEqual(['A', 'b=c']);
    expect(parseEnvEntry('A=', {})).toEqual(['A', '']);
    expect(parseEnvEntry('A', { A: 'host' })).toEqual(['A', 'host']);
    refuses((text) => parseEnvEntry(text, {}), 'A', "environment variable 'A' not set");
  });

  it('gives labels without a value an empty one', () => {
    expect(parseLabel('team=a=b')).toEqual(['team', 'a=b']);
    expect(parseLabel('team')).toEqual(['team', '']);
  });
});

describe('rlimits', () => {
  it('takes soft, and hard when it is given', () => {
    expect(parseRlimit('NoFile=1024')).toEqual({ resource: 'nofile', soft: 1024, hard: 1024 });
    expect(parseRlimit('cpu=1:2')).toEqual({ resource: 'cpu', soft: 1, hard: 2 });
  });

  it.each([
    ['nofile', 'rlimit must be in format RESOURCE=LIMIT'],
    ['nofile=x', 'invalid soft limit: invalid digit found in string'],
    ['nofile=1:x', 'invalid hard limit: invalid digit found in string'],
    ['nofile=', 'invalid soft limit: cannot parse integer from empty string'],
    ['nofile=1:2:3', "too many ':' separators"],
    ['nofile=2:1', 'soft limit cannot exceed hard limit'],
    ['files=1', 'unknown rlimit resource: files'],
  ])('refuses %s', (text, message) => refuses(parseRlimit, text, message));
});

describe('keywords', () => {
  it('names what it expected', () => {
    expect(parseKeyword('pull policy', PULL_POLICIES, 'never')).toBe('never');
    refuses(
      (text) => parseKeyword('pull policy', PULL_POLICIES, text),
      'missing',
      'invalid pull policy: missing (expected: always, if-missing, never)',
    );
  });
});

describe('tmpfs', () => {
  it.each([
    ['/t', { path: '/t', ...noFlags }],
    ['/t:64', { path: '/t', sizeMib: 64, ...noFlags }],
    ['/t:1G', { path: '/t', sizeMib: 1024, ...noFlags }],
    ['/t:ro', { path: '/t', ...noFlags, readonly: true }],
    ['/t:size=64M,noexec', { path: '/t', sizeMib: 64, ...noFlags, noexec: true }],
    ['/t:64:rw,nosuid,nodev', { path: '/t', sizeMib: 64, ...noFlags, nosuid: true, nodev: true }],
    ['/t:64:', { path: '/t', sizeMib: 64, ...noFlags }],
  ])('reads %s', (text, spec) => {
    expect(parseTmpfs(text)).toEqual(spec);
  });

  it.each([
    ['', 'tmpfs path must not be empty'],
    [':64', 'tmpfs path must not be empty'],
    ['/t::ro', 'tmpfs size must not be empty before options'],
    ['/t:64:size=1G', 'tmpfs size specified more than once'],
    ['/t:ro,rw', 'mount option `ro`/`rw` specified more than once'],
    ['/t:noexec,noexec', 'mount option `noexec` specified more than once'],
    ['/t:suid', 'unsupported mount option "suid"'],
    ['/t:ro,zebra', 'mount option "zebra" must be a flag or key=value'],
    ['/t:quota=1G', 'mount option `quota` is not valid here'],
    ['/t:zebra=1', 'unknown mount option "zebra"'],
    ['/t:ten', 'invalid size (expected e.g. 512M, 1G): invalid digit found in string'],
  ])('refuses %s', (text, message) => refuses(parseTmpfs, text, message));
});

describe('root disk', () => {
  it.each([
    ['8G', { kind: 'managed', sizeMib: 8192 }],
    ['tmpfs', { kind: 'tmpfs' }],
    ['tmpfs:2G', { kind: 'tmpfs', sizeMib: 2048 }],
    ['flat', { kind: 'flat' }],
    ['flat:8G,fstype=ext4,clone=copy', { kind: 'flat', sizeMib: 8192, fstype: 'ext4', clone: 'copy' }],
    ['flat:clone=auto', { kind: 'flat', clone: 'auto' }],
    ['./a.qcow2', { kind: 'disk', path: './a.qcow2' }],
    ['disks/a:format=raw,fstype=xfs', { kind: 'disk', path: 'disks/a', format: 'raw', fstype: 'xfs' }],
  ])('reads %s', (text, spec) => {
    expect(parseRootDisk(text)).toEqual(spec);
  });

  it.each([
    ['', '--root-disk requires a value (e.g. 8G, tmpfs:2G, flat:8G, ./scratch.qcow2:format=qcow2)'],
    ['flat:', "--root-disk flat: requires a size or option after ':'"],
    ['flat:8G,,clone=copy', '--root-disk empty flat root option'],
    ['flat:fstype=a,fstype=b', '--root-disk duplicate fstype option'],
    ['flat:clone=copy,clone=auto', '--root-disk duplicate clone option'],
    ['flat:clone=x', "--root-disk unsupported flat clone strategy 'x' (expected auto, copy, or reflink)"],
    [
      'flat:8G,9G',
      "--root-disk unknown flat option '9G' (expected an optional leading size, fstype=..., or clone=auto|copy|reflink)",
    ],
    ['flat:x', 'invalid size (expected e.g. 512M, 1G): invalid digit found in string'],
    ['tmpfs:x', 'invalid size (expected e.g. 512M, 1G): invalid digit found in string'],
    [
      '8G:x',
      "--root-disk options after ':' are only valid for flat or a disk image path (e.g. ./scratch.qcow2:format=qcow2)",
    ],
    ['./a:format=vmdk', "--root-disk unsupported format 'vmdk' (expected raw or qcow2)"],
    ['./a:size=1G', '--root-disk size= is not valid for a disk image; the image file determines the size'],
    ['./a:x', "--root-disk unknown option 'x' (expected format=raw|qcow2 or fstype=...)"],
    [
      'ten',
      '--root-disk invalid size (expected e.g. 512M, 1G): invalid digit found in string ' +
        '(expected a size, tmpfs[:SIZE], flat[:SIZE][,OPTIONS], or an image path)',
    ],
  ])('refuses %s', (text, message) => refuses(parseRootDisk, text, message));
});

describe('scripts', () => {
  it('decodes escapes and adds shebang and line end', () => {
    expect(parseScript('hi=echo\\t"a"\\nb\\x\\')).toEqual({
      name: 'hi',
      body: '#!/bin/sh\necho\t"a"\nb\\x\\\n',
    });
    expect(parseScript('hi=a\\n', 'bash').body).toBe('#!/usr/bin/env bash\na\n');
  });

  it('keeps raw ones as they are and reads files', async () => {
    expect(parseRawScript('x=a\\n=')).toEqual({ name: 'x', body: 'a\\n=' });
    const path = join(await mkdtemp(join(tmpdir(), 'script-')), 's');
    await writeFile(path, 'body');
    expect(await readScript(`x:${path}`)).toEqual({ name: 'x', body: 'body' });
    await expect(readScript(`x:${path}.missing`)).rejects.toThrow(
      `failed to read script file '${path}.missing': `,
    );
    await expect(readScript('x')).rejects.toThrow('script-path must be in format NAME:PATH');
  });

  it('refuses what is no script or no shell', () => {
    refuses(parseScript, 'x', 'script must be in format NAME=BODY');
    refuses(parseRawScript, 'x', 'script-raw must be in format NAME=BODY');
    refuses(parseScript, '=x', 'script name must not be empty (NAME=BODY)');
    refuses(checkShell, '', '--shell must not be empty');
    refuses(checkShell, '/', '--shell "/" is not a valid interpreter');
    expect(() => checkShell('/bin/ba sh')).toThrow('must not contain whitespace or NUL (got "/bin/ba sh")');
  });
});

describe('integers of the parser', () => {
  it.each([
    ['x', 'invalid digit found in string'],
    ['', 'cannot parse integer from empty string'],
    ['256', '256 is not in 0..=255'],
  ])('refuses %s', (text, message) => {
    expect(() => integerUpTo(255)(text)).toThrow(new Error(message));
  });
});

it('prefixes an error with its option', () => {
  refuses(() => prefixed('--x', () => integerUpTo(1)('a')), '', '--x: invalid digit found in string');
});
