declare const brand: unique symbol;

/** A size in MiB; at run time a plain number. */
export type Mebibytes = number & { readonly [brand]: 'Mebibytes' };

/** `n` KiB in MiB. */
export const KiB = (n: number): Mebibytes => (n / 1024) as Mebibytes;
/** `n` MiB. */
export const MiB = (n: number): Mebibytes => n as Mebibytes;
/** `n` GiB in MiB. */
export const GiB = (n: number): Mebibytes => (n * 1024) as Mebibytes;
/** `n` TiB in MiB. */
export const TiB = (n: number): Mebibytes => (n * 1024 * 1024) as Mebibytes;
