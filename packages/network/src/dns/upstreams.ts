import { lookup } from 'node:dns/promises';
import type { Nameserver } from '../config/nameserver.ts';
import { familyOf } from '../policy/cidr.ts';
import { readResolvConf } from './resolv-conf.ts';
import { TcpExchange } from './tcp-exchange.ts';
import { exchangeUdp, type ServerAddress } from './udp-exchange.ts';

export type DnsTransport = 'udp' | 'tcp';

export interface UpstreamsOptions {
  /** Asked in this order; the host's own when there are none. */
  readonly nameservers: readonly Nameserver[];
  readonly timeoutMs: number;
  /** Where the host's own are found. */
  readonly resolvConf?: string;
  readonly onWarning?: (message: string) => void;
}

/** The name servers that answer for a guest, asked one after the other until one can be reached. */
export class DnsUpstreams implements Disposable {
  readonly #options: UpstreamsOptions;
  readonly #tcp = new Map<string, TcpExchange>();
  #servers: Promise<readonly ServerAddress[]>;

  constructor(options: UpstreamsOptions) {
    this.#options = options;
    this.#servers = this.#find();
  }

  /**
   * Asks until somebody answers, whatever the answer is. When nobody does and the host's servers have changed
   * meanwhile, as on a computer that went to another network, asks the new ones.
   *
   * @throws Error when nobody answered
   */
  async exchange(query: Buffer, transport: DnsTransport): Promise<Buffer> {
    const servers = await this.#servers;
    try {
      return await this.#ask(servers, query, transport);
    } catch (error) {
      if (this.#options.nameservers.length > 0) throw error;
      this.#servers = this.#find();
      const found = await this.#servers;
      if (JSON.stringify(found) === JSON.stringify(servers)) throw error;
      return await this.#ask(found, query, transport);
    }
  }

  /** Asks the server that the guest chose, and no other. @throws Error when it does not answer */
  exchangeWith(server: ServerAddress, query: Buffer, transport: DnsTransport): Promise<Buffer> {
    const { timeoutMs } = this.#options;
    if (transport === 'udp') return exchangeUdp(query, server, timeoutMs);
    const key = `${server.address} ${server.port} ${server.tls?.serverName ?? ''}`;
    const exchange = this.#tcp.get(key) ?? new TcpExchange(server);
    this.#tcp.set(key, exchange);
    return exchange.exchange(query, timeoutMs).finally(() => this.#forgetIdle());
  }

  [Symbol.dispose](): void {
    for (const exchange of this.#tcp.values()) exchange[Symbol.dispose]();
    this.#tcp.clear();
  }

  async #ask(servers: readonly ServerAddress[], query: Buffer, transport: DnsTransport): Promise<Buffer> {
    let failure = new Error('there is no name server');
    for (const server of servers) {
      try {
        return await this.exchangeWith(server, query, transport);
      } catch (error) {
        failure = error as Error;
      }
    }
    throw failure;
  }

  /** A guest may ask any number of servers; only the latest connections are kept. */
  #forgetIdle(): void {
    const [oldest] = this.#tcp.keys();
    if (this.#tcp.size <= MAX_TCP_SERVERS || oldest === undefined) return;
    this.#tcp.get(oldest)?.[Symbol.dispose]();
    this.#tcp.delete(oldest);
  }

  async #find(): Promise<readonly ServerAddress[]> {
    const { nameservers, resolvConf, onWarning } = this.#options;
    const wanted = nameservers.length > 0 ? nameservers : await readResolvConf(resolvConf);
    const found = await Promise.all(
      wanted.map(async ({ host, port }): Promise<ServerAddress[]> => {
        if (familyOf(host.replace(/%.*$/, '')) !== null) return [{ address: host, port }];
        try {
          return [{ address: (await lookup(host)).address, port }];
        } catch (error) {
          onWarning?.(`name server ${host}: ${(error as Error).message}`);
          return [];
        }
      }),
    );
    const servers = found.flat();
    if (servers.length === 0) onWarning?.('no name server can be asked; names will not resolve in the guest');
    return servers;
  }
}

/** Connections to name servers that are kept open. */
const MAX_TCP_SERVERS = 16;
