import type { NetworkStack, NetworkStackOptions, StreamOpened } from '@microsandbox/native';
import type { DnsForwarder } from '../dns/dns-forwarder.ts';
import type { StackStream } from './stack-stream.ts';

/** What a {@link StreamServer} works with. */
export interface StreamServerContext {
  readonly stack: NetworkStack;
  /** Answers DNS over TLS. */
  readonly forwarder: DnsForwarder;
}

/**
 * Serves TCP connections of the guest that the stack hands up: intercepted TLS, and plain text that may hold secrets.
 * The policy has allowed them already.
 */
export interface StreamServer {
  /** What the stack has to know about interception. */
  readonly stackOptions: Pick<NetworkStackOptions, 'tls' | 'handUpPlain'>;
  /** Called once, when the stack runs. */
  begin(context: StreamServerContext): void;
  /** Takes a connection; `stream` may be given back to the stack by its number (`splice`). */
  serve(opened: StreamOpened, stream: StackStream): void;
  close(): void;
}
