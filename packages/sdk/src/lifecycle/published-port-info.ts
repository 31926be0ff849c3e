import type { BootPort } from '@microsandbox/types';
import type { PublishedPortInfo } from '../boot-info.ts';

/** A port as callers know it. */
export function publishedPortInfo({
  host_bind,
  host_port,
  guest_port,
  protocol,
}: BootPort): PublishedPortInfo {
  return { hostBind: host_bind, hostPort: host_port, guestPort: guest_port, protocol };
}
