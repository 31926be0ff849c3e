import type { CommandSpec } from '../command-line/command-spec.ts';
import { completionCommand } from './completion.ts';
import { contextCommand } from './context.ts';
import { copyCommand } from './copy.ts';
import { createCommand } from './create.ts';
import { doctorCommand } from './doctor.ts';
import { execCommand } from './exec.ts';
import { helpCommand } from './help.ts';
import { imageCommand, imageListCommand, imagePullCommand, imageRemoveCommand } from './image.ts';
import { imageLoadCommand } from './image-load.ts';
import { imageSaveCommand } from './image-save.ts';
import { inspectCommand } from './inspect.ts';
import { killCommand } from './kill.ts';
import { listCommand } from './list.ts';
import { logsCommand } from './logs.ts';
import { metricsCommand } from './metrics.ts';
import { modifyCommand } from './modify.ts';
import { networkCommand } from './network.ts';
import { pingCommand } from './ping.ts';
import { policyCommand } from './policy.ts';
import { registryCommand, registryListCommand } from './registry.ts';
import { removeCommand } from './remove.ts';
import { restartCommand } from './restart.ts';
import { runCommand } from './run.ts';
import { startCommand } from './start.ts';
import { statusCommand } from './status.ts';
import { stopCommand } from './stop.ts';
import { touchCommand } from './touch.ts';
import { versionCommand } from './version.ts';
import { volumeCommand, volumeListCommand } from './volume.ts';
import { waitCommand } from './wait.ts';
import { warmCommand } from './warm.ts';

/** `msb` and everything under it, in the order of the help. */
export const ROOT_COMMAND: CommandSpec = {
  name: 'msb',
  about: 'Run untrusted code in local microVMs',
  subcommands: [
    runCommand,
    createCommand,
    startCommand,
    stopCommand,
    killCommand,
    waitCommand,
    restartCommand,
    pingCommand,
    touchCommand,
    listCommand,
    statusCommand,
    metricsCommand,
    modifyCommand,
    removeCommand,
    execCommand,
    copyCommand,
    logsCommand,
    inspectCommand,
    networkCommand,
    policyCommand,
    imageCommand,
    { ...imagePullCommand, group: 'Images' },
    { ...imageListCommand, name: 'images', aliases: [], hidden: true },
    { ...imageLoadCommand, group: 'Images' },
    { ...imageSaveCommand, group: 'Images' },
    { ...imageRemoveCommand, name: 'rmi', aliases: [], hidden: true },
    registryCommand,
    { ...registryListCommand, name: 'registries', aliases: ['regs'], hidden: true },
    volumeCommand,
    { ...volumeListCommand, name: 'volumes', aliases: ['vols'], hidden: true },
    warmCommand,
    doctorCommand,
    contextCommand,
    completionCommand,
    versionCommand,
    helpCommand,
  ],
};
