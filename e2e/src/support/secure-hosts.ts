/** A server of `secure-peer.ts`: HTTPS and HTTP on an address of its own. */
export interface SecureHost {
  readonly name: string;
  readonly address: string;
  /** The only version of TLS that it speaks; both by default. */
  readonly tls?: 'TLSv1.2' | 'TLSv1.3';
  /** Speaks HTTP/2 with whoever does not ask for HTTP/1.1. */
  readonly http2?: boolean;
  /** Its certificate is signed by nobody, and for the name of {@link HOSTS.api}. */
  readonly isLiar?: boolean;
}

/** The servers of the tests about TLS. */
export const HOSTS = {
  /** The one that may have the secret. */
  api: { name: 'api.example.com', address: '93.184.216.40' },
  old: { name: 'tls12.example.com', address: '93.184.216.41', tls: 'TLSv1.2' },
  young: { name: 'tls13.example.com', address: '93.184.216.42', tls: 'TLSv1.3' },
  http2: { name: 'h2.example.com', address: '93.184.216.43', http2: true },
  /** Connections to it are not opened on their way. */
  bypassed: { name: 'bypassed.example.com', address: '93.184.216.44', http2: true },
  other: { name: 'other.example.net', address: '93.184.216.45' },
  /** Says that it is the first one; its DNS server says so too. */
  liar: { name: 'liar.example.net', address: '93.184.216.46', isLiar: true },
} as const satisfies Record<string, SecureHost>;

/** File in the peer's folder with everything that a host received: requests over TLS as they were inside it. */
export const receivedFile = ({ name }: SecureHost, how: 'tls' | 'plain'): string => `${name}.${how}.received`;
