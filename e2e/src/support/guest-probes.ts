/** Number of `clock_gettime` in the guest's system call table. */
const CLOCK_GETTIME = process.arch === 'arm64' ? 113 : 228;

/** Perl: `now()` is the guest's time in nanoseconds since 1970. */
const NOW = `sub now { my $t = "\\0" x 16; syscall(${CLOCK_GETTIME}, 0, $t); my ($s, $n) = unpack("qq", $t); $s * 1e9 + $n }`;

/** Perl program that prints the guest's time in nanoseconds. */
export const CLOCK = `${NOW} printf "%d", now();`;

/** Every number that must be another one in every guest, one a line. Made for the first program to run. */
export const RANDOM_NUMBERS = [
  'hexdump -v -n 32 -e \'1/1 "%02x"\' /dev/urandom',
  'echo',
  'cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/boot_id /etc/machine-id',
].join('; ');

/**
 * Perl program that opens TCP connections over the loopback interface, always between the same ports, and prints
 * for each the sequence number of its first segment, as it went over the wire, and the time in nanoseconds.
 *
 * Linux adds the time in units of 64 ns to a keyed hash of both addresses (RFC 6528, `secure_tcp_seq`): without
 * the time, the number is the same for the same connection as long as the key is.
 */
export const SEQUENCE_NUMBERS = `
  ${NOW}
  sub address { pack("S n C4 x8", 2, $_[0], 127, 0, 0, 1) }
  socket(my $wire, 17, 3, 0x0300) or die "packet socket: $!";
  socket(my $server, 2, 1, 0); setsockopt($server, 1, 2, pack("i", 1));
  bind($server, address(7000)) or die "bind: $!"; listen($server, 8);
  for my $port (5001 .. 5004) {
    socket(my $client, 2, 1, 0); setsockopt($client, 1, 2, pack("i", 1));
    bind($client, address($port)) or die "bind: $!";
    my $time = now();
    connect($client, address(7000)) or die "connect: $!";
    while (1) {
      recv($wire, my $frame, 2048, 0);
      my $tcp = 14 + 4 * (unpack("x14 C", $frame) & 15);
      my ($from, $to, $sequence, $flags) = unpack("x$tcp n n N x5 C", $frame);
      next unless $from == $port && $to == 7000 && $flags & 2;
      printf "%d %d\\n", $sequence, $time;
      last;
    }
  }
`;

/** What {@link SEQUENCE_NUMBERS} printed, without what the time adds; modulo 2^32. */
export function sequenceHashes(printed: string): number[] {
  return printed
    .trim()
    .split('\n')
    .map((line) => {
      const [sequence = 0n, time = 0n] = line.split(' ').map(BigInt);
      return Number(BigInt.asUintN(32, sequence - time / 64n));
    });
}

/** Distance of two numbers on the circle of 2^32. */
export function circularDistance(left: number, right: number): number {
  const difference = (left - right) >>> 0;
  return Math.min(difference, 2 ** 32 - difference);
}
