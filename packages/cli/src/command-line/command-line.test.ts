import { describe, expect, it } from 'vitest';
import { ROOT_COMMAND } from '../commands/root.ts';
import { painter } from '../output/colour.ts';
import type { CommandSpec, Invocation } from './command-spec.ts';
import { renderCommandTree } from './command-tree.ts';
import { findCommand } from './find-command.ts';
import { commandHelp, groupedHelp } from './help.ts';
import { parseArguments } from './parse-arguments.ts';
import { similar } from './similar.ts';
import { UsageError } from './usage-error.ts';

const plain = painter(false);

function parse(line: string): Promise<Invocation> {
  const { spec, path, rest } = findCommand(ROOT_COMMAND, line.split(' '));
  return parseArguments(spec, path, rest);
}

async function usageError(line: string): Promise<UsageError> {
  try {
    await parse(line);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  return expect.fail(`${line} should have been refused`);
}

describe('parseArguments', () => {
  it('reads options before and after words, long, short, joined and with equals signs', async () => {
    expect(await parse('stop -q a --timeout=3 b -f')).toMatchObject({
      path: 'msb stop',
      positionals: ['a', 'b'],
      options: { quiet: true, timeout: 3, force: true },
    });
    expect((await parse('exec web -eA=1 --env B=2 -tq')).options).toEqual({
      env: ['A=1', 'B=2'],
      tty: true,
      quiet: true,
    });
  });

  it('takes global options anywhere', async () => {
    expect((await parse('--debug ls')).logLevel).toBe('debug');
    expect((await parse('ls --trace')).logLevel).toBe('trace');
    expect((await parse('ls')).logLevel).toBeUndefined();
    expect((await parse('--debug image ls')).path).toBe('msb image ls');
  });

  it('gives a command what stands behind --, untouched', async () => {
    expect(await parse('run -q alpine -- sh -c -q --')).toMatchObject({
      positionals: ['alpine'],
      options: { quiet: true },
      trailing: ['sh', '-c', '-q', '--'],
    });
    expect((await parse('run -n x')).trailing).toBeNull();
    expect((await parse('run alpine --')).trailing).toEqual([]);
    expect(await parse('stop -- -odd')).toMatchObject({ positionals: ['-odd'], trailing: null });
  });

  it.each([
    ['frobnicate', "unrecognized subcommand 'frobnicate'", undefined],
    ['sotp', "unrecognized subcommand 'sotp'", "a similar subcommand exists: 'stop'"],
    ['image lst', "unrecognized subcommand 'lst'", "a similar subcommand exists: 'list'"],
    ['ls --runing', "unexpected argument '--runing' found", "a similar argument exists: '--running'"],
    ['ls -V', "unexpected argument '-V' found", undefined],
    ['ls extra', "unexpected argument 'extra' found", undefined],
    ['run alpine echo', "unexpected argument 'echo' found", undefined],
    ['inspect', 'the following required arguments were not provided:', undefined],
    ['stop', 'the following required arguments were not provided:', undefined],
    ['stop -t', "a value is required for '--timeout <SECS>' but none was supplied", undefined],
    ['stop -t x a', "invalid value 'x' for '--timeout <SECS>': invalid digit found in string", undefined],
    ['run -c 256 a', "invalid value '256' for '--cpus <CPUS>': 256 is not in 0..=255", undefined],
    ['ls --format yaml', "invalid value 'yaml' for '--format <FORMAT>'", undefined],
    ['run -t --no-tty a', "the argument '--tty' cannot be used with '--no-tty'", undefined],
    ['run -n a -n b c', "the argument '--name <NAME>' cannot be used multiple times", undefined],
    ['ls -q -q', "the argument '--quiet' cannot be used multiple times", undefined],
    ['--debug --trace ls', "the argument '--debug' cannot be used with '--trace'", undefined],
    ['ps -a web', "the argument '[NAME]' cannot be used with '--all'", undefined],
  ])('refuses %s', async (line, message, tip) => {
    expect(await usageError(line)).toMatchObject({ message, tip });
  });

  it('says what is missing, what is possible and how it is used', async () => {
    expect(await usageError('inspect')).toMatchObject({
      details: ['<NAME>'],
      usage: 'msb inspect [OPTIONS] <NAME>',
    });
    expect((await usageError('ls --format yaml')).details).toEqual(['[possible values: json]']);
    expect((await usageError('run x y')).usage).toBe('msb run [OPTIONS] [IMAGE] [-- <COMMAND>...]');
    expect((await usageError('stop')).details).toEqual(['<NAMES>...']);
    expect((await usageError('image nope')).usage).toBe('msb image [OPTIONS] <COMMAND>');
  });
});

describe('the command table', () => {
  const all = (spec: CommandSpec): CommandSpec[] => [spec, ...(spec.subcommands ?? []).flatMap(all)];

  it('has unique names and options', () => {
    for (const spec of all(ROOT_COMMAND)) {
      const names = (spec.subcommands ?? []).flatMap((child) => [child.name, ...(child.aliases ?? [])]);
      expect(names).toEqual([...new Set(names)]);
      const options = (spec.options ?? []).flatMap(({ long, short }) =>
        short === undefined ? [long] : [long, short],
      );
      expect(options, spec.name).toEqual([...new Set(options)]);
    }
  });

  it.each(['ls', 'list', 'ps', 'status', 'rm', 'remove', 'images', 'rmi', 'pull'])('knows %s', (name) => {
    expect(findCommand(ROOT_COMMAND, [name]).path).toBe(`msb ${name}`);
  });
});

describe('help', () => {
  it('groups the commands', () => {
    const help = groupedHelp(ROOT_COMMAND, plain);
    expect(help).toContain(
      'Usage: msb [OPTIONS] <COMMAND>\n\nSandboxes:\n  run         Run a command in a new sandbox\n',
    );
    expect(help).toContain('\n  list        List sandboxes, newest first [aliases: ls]\n');
    expect(help).toContain('\nImages:\n  image       Manage cached images\n');
    expect(help).not.toContain('rmi');
    expect(help.endsWith('  -V, --version  Print version\n')).toBe(true);
  });

  it('explains one command', () => {
    const { spec } = findCommand(ROOT_COMMAND, ['image', 'list']);
    expect(commandHelp('msb image list', spec, plain)).toBe(
      [
        'List cached images, newest first',
        '',
        'Usage: msb image list [OPTIONS]',
        '',
        'Options:',
        '      --format <FORMAT>  Output format [possible values: json]',
        '  -q, --quiet            Only references',
        '      --tree             Print the command tree and exit',
        '      --error            Show diagnostics up to level error',
        '      --warn             Show diagnostics up to level warn',
        '      --info             Show diagnostics up to level info',
        '      --debug            Show diagnostics up to level debug',
        '      --trace            Show diagnostics up to level trace',
        '  -h, --help             Print help',
        '',
      ].join('\n'),
    );
  });

  it('draws the tree of the deepest command named', () => {
    const tree = renderCommandTree(ROOT_COMMAND, ['image', '--tree', 'ls'], plain);
    expect(tree).toBe(
      'msb image ls\n├── --format <FORMAT>  Output format\n└── -q, --quiet        Only references\n',
    );
    const whole = renderCommandTree(ROOT_COMMAND, [], plain);
    expect(whole).toMatch(/^msb\n├── --error {2,}Show diagnostics/);
    expect(whole).toContain('│   ├── [-- COMMAND...]');
    expect(whole).toContain('list (aliases: ls)');
    expect(whole).not.toContain('--tree');
  });
});

describe('similar words', () => {
  it('are near enough', () => {
    expect(similar('strat', ['start', 'stop'])).toBe('start');
    expect(similar('xyz', ['start', 'stop'])).toBeUndefined();
  });
});
