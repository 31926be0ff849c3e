/** Whether `path` is a whole EROFS image: a cache hit. False also when it is absent. */
export async function isValidErofs(_path: string): Promise<boolean> {
  throw new Error('not written yet');
}
