import type { DnsQueryReceived, HostnameInsert, NetworkAddresses, NetworkStack } from '@microsandbox/native';
import type { DnsConfig } from '../config/network-config.ts';
import { addressesOf, insertOf, readAnswer } from './answer.ts';
import { type DnsQuestion, readQuestion, TYPE_A, TYPE_AAAA } from './question.ts';
import { addressReply, emptyReply, formatErrorReply, RCODE, truncatedReply } from './replies.ts';
import { isReservedAddress } from './reserved-address.ts';
import type { ServerTls } from './udp-exchange.ts';
import type { DnsTransport, DnsUpstreams } from './upstreams.ts';

/** Name under which the guest reaches the host. */
export const HOST_ALIAS = 'host.microsandbox.internal';

const ALIAS_TTL_SECS = 60;

/** What the forwarder needs of a stack. */
export type DnsStack = Pick<NetworkStack, 'respond' | 'evaluate'>;

export interface DnsForwarderOptions {
  readonly stack: DnsStack;
  readonly addresses: NetworkAddresses;
  readonly config: DnsConfig;
  readonly upstreams: DnsUpstreams;
}

/** A response and what it says about names. */
export interface ResolvedQuery {
  readonly response: Buffer;
  readonly inserts: readonly HostnameInsert[];
}

/** Where a query came from and went to. */
export interface QuerySource {
  readonly message: Buffer;
  readonly transport: DnsTransport;
  /** Address that the guest asked. */
  readonly address: string;
  /** 53, or 853 for DNS over TLS. */
  readonly port: number;
  /** How the server is asked that the guest chose, when the guest asked by TLS. */
  readonly tls?: ServerTls;
}

/**
 * Answers the guest's DNS queries (spec: network 12.4): policy, then the host's or the guest's own choice of name
 * servers, then protection against answers that point into private networks. An answer that is delivered is in the
 * stack's index before, so that connections to it are known by their name.
 */
export class DnsForwarder {
  readonly #options: DnsForwarderOptions;
  readonly #gateways: ReadonlySet<string>;

  constructor(options: DnsForwarderOptions) {
    this.#options = options;
    const { ipv4, ipv6 } = options.addresses;
    this.#gateways = new Set([ipv4, ipv6].flatMap((family) => family?.gateway ?? []));
  }

  /** Takes a query from the stack and answers it when the answer is there. */
  async handle({ query, message, transport, destination }: DnsQueryReceived): Promise<void> {
    const source = { message, transport, address: destination.address, port: destination.port };
    const resolved = await this.resolve(source);
    this.#options.stack.respond(query, resolved?.response ?? null, resolved?.inserts ?? []);
  }

  /** The answer to a query; null for a message that gets none. Never rejects. */
  async resolve(source: QuerySource): Promise<ResolvedQuery | null> {
    const question = readQuestion(source.message);
    if (question === null) return null;
    if (question === 'count') return { response: formatErrorReply(source.message), inserts: [] };
    return this.#local(question, source) ?? (await this.#forward(question, source));
  }

  /** What can be said without asking anybody. */
  #local(question: DnsQuestion, { transport, port }: QuerySource): ResolvedQuery | null {
    const { name, type } = question;
    const { stack, addresses } = this.#options;
    const verdict = stack.evaluate({ kind: 'dns', name, protocol: transport, port }, true);
    if (verdict.action !== 'allow') return { response: emptyReply(question, RCODE.nxDomain), inserts: [] };
    const family = type === TYPE_A ? addresses.ipv4 : type === TYPE_AAAA ? addresses.ipv6 : undefined;
    if (family === null) {
      const insert = insertOf(question, null);
      return { response: emptyReply(question, RCODE.noError), inserts: insert === null ? [] : [insert] };
    }
    if (name !== HOST_ALIAS || family === undefined) return null;
    return { response: addressReply(question, family.gateway, ALIAS_TTL_SECS), inserts: [] };
  }

  async #forward(question: DnsQuestion, source: QuerySource): Promise<ResolvedQuery> {
    const { message, transport, address, port, tls } = source;
    const { stack, upstreams } = this.#options;
    const isOwnChoice = !this.#gateways.has(address);
    if (
      isOwnChoice &&
      stack.evaluate({ kind: 'egress', protocol: transport, address, port }, true).action !== 'allow'
    ) {
      return { response: emptyReply(question, RCODE.nxDomain), inserts: [] };
    }
    let response: Buffer;
    try {
      response = isOwnChoice
        ? await upstreams.exchangeWith({ address, port, ...(tls && { tls }) }, message, transport)
        : await upstreams.exchange(message, transport);
    } catch {
      return { response: emptyReply(question, RCODE.servFail), inserts: [] };
    }
    const answer = readAnswer(response);
    if (answer === null) return { response: emptyReply(question, RCODE.servFail), inserts: [] };
    if (this.#isRebinding(addressesOf(answer))) {
      return { response: emptyReply(question, RCODE.nxDomain), inserts: [] };
    }
    const insert = insertOf(question, answer);
    const isTooLong = transport === 'udp' && response.length > question.udpBytes;
    return {
      response: isTooLong ? truncatedReply(question) : response,
      inserts: insert === null ? [] : [insert],
    };
  }

  /** Whether an address is one that no name should have, and the policy does not admit it by itself. */
  #isRebinding(addresses: readonly string[]): boolean {
    const { stack, config } = this.#options;
    if (!config.rebind_protection) return false;
    return addresses.some((address) => {
      if (!isReservedAddress(address)) return false;
      return !(['tcp', 'udp'] as const).some(
        (protocol) => stack.evaluate({ kind: 'answer', protocol, address }).action === 'allow',
      );
    });
  }
}
