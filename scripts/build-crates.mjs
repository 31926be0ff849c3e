// Builds, tests or lints the crates: `node scripts/build-crates.mjs build|test|lint`. `check-arm64` compiles them for
// 64-bit ARM Linux, `check-macos` the addon for a Mac, libkrun included, both without linking.
//
// The addon is built for this machine, the guest agent as a static Linux binary. Both go to
// packages/native/prebuilt/<platform>-<arch>/, where packages/native finds them.
import { chmod, copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crateNotices } from './lib/crate-notices.mjs';
import { fail, must, root, run, toolEnv } from './lib/run.mjs';

const prebuilt = join(root, `packages/native/prebuilt/${process.platform}-${process.arch}`);
const rustArch = { x64: 'x86_64', arm64: 'aarch64' }[process.arch];
const addonLibrary = { darwin: 'libmsb_runtime.dylib' }[process.platform] ?? 'libmsb_runtime.so';

/** Target of the guest agent and the flags that make it static. */
async function agentTarget() {
  const musl = `${rustArch}-unknown-linux-musl`;
  const listed = await run('rustup', ['target', 'list', '--installed'], { capture: true, quiet: true }).catch(
    () => ({ code: 127, output: '' }),
  );
  if (listed.output.split('\n').includes(musl)) return { target: musl, flags: '' };
  if (listed.code === 0) {
    console.log(`Adding the Rust target ${musl}`);
    const added = await run('rustup', ['target', 'add', musl]);
    if (added.code === 0) return { target: musl, flags: '' };
  }
  // Without rustup (a distribution's Rust) or without a network: glibc, linked statically.
  return { target: `${rustArch}-unknown-linux-gnu`, flags: '-C target-feature=+crt-static' };
}

function agentEnv({ flags }) {
  return { ...toolEnv, RUSTFLAGS: [process.env.RUSTFLAGS, flags].filter(Boolean).join(' ') };
}

/** Replaces `to` in one step, so that a process that runs the old file keeps it. */
async function install(from, to) {
  await copyFile(from, `${to}.tmp`);
  await chmod(`${to}.tmp`, 0o755);
  await rename(`${to}.tmp`, to);
}

async function build() {
  await must('cargo', ['build', '--release', '--locked', '--workspace', '--exclude', 'msb-agentd']);
  const agent = await agentTarget();
  const args = ['build', '--release', '--locked', '-p', 'msb-agentd', '--target', agent.target];
  await must('cargo', args, { env: agentEnv(agent) });
  await mkdir(prebuilt, { recursive: true });
  await install(join(root, 'target/release', addonLibrary), join(prebuilt, 'microsandbox.node'));
  await install(join(root, 'target', agent.target, 'release/agentd'), join(prebuilt, 'agentd'));
  const notices = await crateNotices(['msb-runtime', 'msb-agentd']);
  await writeFile(join(prebuilt, 'THIRD-PARTY-NOTICES.txt'), notices);
}

async function test() {
  await must('cargo', ['test', '--release', '--locked', '--workspace', '--exclude', 'msb-agentd']);
  const agent = await agentTarget();
  const args = ['test', '--release', '--locked', '-p', 'msb-agentd', '--target', agent.target];
  await must('cargo', args, { env: agentEnv(agent) });
}

async function lint() {
  await must('cargo', ['fmt', '--all', '--check']);
  const args = ['clippy', '--release', '--locked', '--workspace', '--all-targets', '--', '-D', 'warnings'];
  await must('cargo', args);
}

/**
 * Compiles for another machine without linking. The few parts in C are left out: a check needs nothing of them, and
 * so no C compiler and headers of that machine.
 */
async function checkFor(target, ...packages) {
  await must('rustup', ['target', 'add', target]);
  const suffix = target.replaceAll('-', '_');
  const withoutC = { [`CC_${suffix}`]: 'true', [`AR_${suffix}`]: 'true', SDKROOT: '/' };
  await must('cargo', ['check', '--locked', ...packages, '--target', target], {
    env: { ...toolEnv, ...withoutC },
  });
}

const checkArm64 = () => checkFor('aarch64-unknown-linux-gnu', '--workspace');
const checkMacos = () => checkFor('aarch64-apple-darwin', '-p', 'msb-runtime');

const steps = { build, test, lint, 'check-arm64': checkArm64, 'check-macos': checkMacos };
const step = steps[process.argv[2]];
if (!step) fail('usage: node scripts/build-crates.mjs build|test|lint|check-arm64|check-macos');
await step();
