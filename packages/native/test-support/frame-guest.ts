import { Socket } from 'node:net';
import type { NetworkAddresses } from '../src/network.ts';
import { checksum, ipv4Bytes, pseudoHeader } from './internet-checksum.ts';

/** TCP flags (RFC 9293, 3.1). */
export const SYN = 2;
export const RST = 4;
export const ACK = 16;
export const FIN = 1;

export interface Segment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly data: Buffer;
}

/** The guest's end of a frame stream, worked by hand: what it sends is exactly what a test writes. */
export class FrameGuest {
  readonly #socket: Socket;
  readonly #addresses: NetworkAddresses;
  readonly #frames: Buffer[] = [];
  #pending = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  constructor(fd: number, addresses: NetworkAddresses) {
    this.#addresses = addresses;
    this.#socket = new Socket({ fd });
    this.#socket.on('data', (bytes) => this.#take(bytes));
    // A stack that stops with frames unread.
    this.#socket.on('error', () => undefined);
  }

  /** Sends an ARP request for the gateway, so that the stack learns where the guest is. */
  askForGateway(): void {
    const { guestMac, ipv4 } = this.#addresses;
    if (ipv4 === null) throw new Error('no IPv4');
    const arp = Buffer.concat([
      Buffer.from([0, 1, 8, 0, 6, 4, 0, 1, ...guestMac]),
      ipv4Bytes(ipv4.guest),
      Buffer.alloc(6),
      ipv4Bytes(ipv4.gateway),
    ]);
    this.#send(Buffer.from([255, 255, 255, 255, 255, 255]), 0x0806, arp);
  }

  /** Sends one TCP segment to an IPv4 address. */
  sendTcp(to: string, segment: Segment): void {
    const { ipv4, gatewayMac } = this.#addresses;
    if (ipv4 === null) throw new Error('no IPv4');
    const tcp = Buffer.alloc(20 + segment.data.length);
    tcp.writeUInt16BE(segment.sourcePort, 0);
    tcp.writeUInt16BE(segment.destinationPort, 2);
    tcp.writeUInt32BE(segment.sequence >>> 0, 4);
    tcp.writeUInt32BE(segment.acknowledgement >>> 0, 8);
    tcp.writeUInt16BE(0x5000 | segment.flags, 12);
    tcp.writeUInt16BE(65535, 14);
    segment.data.copy(tcp, 20);
    const pseudo = pseudoHeader(ipv4.guest, to, 6, tcp.length);
    tcp.writeUInt16BE(checksum(Buffer.concat([pseudo, tcp])), 16);
    const ip = Buffer.alloc(20);
    ip.writeUInt16BE(0x4500, 0);
    ip.writeUInt16BE(20 + tcp.length, 2);
    ip.writeUInt16BE(0x4006, 8);
    ipv4Bytes(ipv4.guest).copy(ip, 12);
    ipv4Bytes(to).copy(ip, 16);
    ip.writeUInt16BE(checksum(ip), 10);
    this.#send(Buffer.from(gatewayMac), 0x0800, Buffer.concat([ip, tcp]));
  }

  /** The next TCP segment from the stack. */
  async receiveTcp(): Promise<Segment> {
    for (;;) {
      const frame = await this.#nextFrame();
      if (frame.readUInt16BE(12) !== 0x0800 || frame[23] !== 6) continue;
      const tcp = frame.subarray(14 + 20, 14 + frame.readUInt16BE(16));
      return {
        sourcePort: tcp.readUInt16BE(0),
        destinationPort: tcp.readUInt16BE(2),
        sequence: tcp.readUInt32BE(4),
        acknowledgement: tcp.readUInt32BE(8),
        flags: tcp.readUInt16BE(12) & 0x3f,
        data: tcp.subarray((tcp.readUInt16BE(12) >> 12) * 4),
      };
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(to: Buffer, etherType: number, payload: Buffer): void {
    const header = Buffer.alloc(4 + 14);
    header.writeUInt32BE(14 + payload.length, 0);
    to.copy(header, 4);
    Buffer.from(this.#addresses.guestMac).copy(header, 10);
    header.writeUInt16BE(etherType, 16);
    this.#socket.write(Buffer.concat([header, payload]));
  }

  async #nextFrame(): Promise<Buffer> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (this.#pending.length >= 4) {
      const end = 4 + this.#pending.readUInt32BE(0);
      if (this.#pending.length < end) break;
      this.#frames.push(this.#pending.subarray(4, end));
      this.#pending = this.#pending.subarray(end);
    }
    this.#wake();
  }
}
