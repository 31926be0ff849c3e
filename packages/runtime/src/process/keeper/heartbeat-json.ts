import type { Heartbeat } from '@microsandbox/protocol';

/** The content of `heartbeat.json`, keys in their fixed order (spec: runtime A6). */
export function heartbeatJson(heartbeat: Heartbeat): string {
  const { activityCounters: counters } = heartbeat;
  // Counters are 64 bits wide, which JSON.stringify cannot write.
  const numbers = (entries: Readonly<Record<string, number | bigint>>): string =>
    Object.entries(entries)
      .map(([key, value]) => `"${key}":${value}`)
      .join(',');
  return `{${[
    numbers({ heartbeat_seq: heartbeat.heartbeatSeq, activity_seq: heartbeat.activitySeq }),
    `"timestamp":${JSON.stringify(heartbeat.timestamp)}`,
    `"last_activity":${JSON.stringify(heartbeat.lastActivity)}`,
    numbers({
      active_exec_sessions: heartbeat.activeExecSessions,
      active_fs_streams: heartbeat.activeFsStreams,
      active_tcp_streams: heartbeat.activeTcpStreams,
    }),
    `"activity_counters":{${numbers({
      host_messages: counters.hostMessages,
      guest_messages: counters.guestMessages,
      exec_output_bytes: counters.execOutputBytes,
      fs_bytes: counters.fsBytes,
      tcp_bytes: counters.tcpBytes,
    })}}`,
  ].join(',')}}`;
}
