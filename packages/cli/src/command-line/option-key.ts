/** The key under which a command finds an option's value: `net-rule` is `netRule`. */
export function optionKey(long: string): string {
  return long.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
