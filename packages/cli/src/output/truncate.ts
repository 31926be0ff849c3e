/** Cuts text to `limit` characters, the last three of them dots. */
export function truncate(text: string, limit: number): string {
  const characters = [...text];
  return characters.length <= limit ? text : `${characters.slice(0, limit - 3).join('')}...`;
}
