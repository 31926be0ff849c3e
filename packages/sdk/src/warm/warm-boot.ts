import { currentBackend } from '../backend/current-backend.ts';
import {
  listWarmTemplates,
  makeWarmTemplate,
  type PrewarmOptions,
  removeWarmTemplates,
  setWarmBoot,
  type WarmTemplate,
} from './warm-templates.ts';

const local = (operation: string) => currentBackend().local(`WarmBoot::${operation}`);

/** Templates that sandboxes wake from instead of booting. They make themselves; this is for looking after them. */
export const WarmBoot = {
  /**
   * Makes the template for sandboxes of one size.
   *
   * @example
   * await WarmBoot.prewarm({ memory: 1024 }); // 'made'
   */
  prewarm: (options: PrewarmOptions = {}): Promise<'present' | 'made' | 'busy'> =>
    makeWarmTemplate(local('prewarm'), options),
  list: (): Promise<WarmTemplate[]> => listWarmTemplates(local('list')),
  /** Removes all templates; resolves to their number. */
  remove: (): Promise<number> => removeWarmTemplates(local('remove')),
  setMode: (mode: 'auto' | 'off'): Promise<void> => setWarmBoot(local('set_mode'), mode),
} as const;
