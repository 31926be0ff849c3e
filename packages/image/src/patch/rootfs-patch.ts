/**
 * A change of the root file system before the first boot. Guest paths are absolute; modes are permission bits. With
 * `replace` a path may exist already, in the image or from an earlier patch.
 */
export type RootfsPatch =
  | {
      readonly kind: 'text';
      readonly path: string;
      readonly content: string;
      /** 0644 when absent. */
      readonly mode?: number | undefined;
      readonly replace?: boolean | undefined;
    }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly content: Uint8Array;
      /** 0644 when absent. */
      readonly mode?: number | undefined;
      readonly replace?: boolean | undefined;
    }
  | {
      readonly kind: 'copyFile';
      /** Host path of a regular file. */
      readonly src: string;
      readonly dst: string;
      /** The source's when absent. */
      readonly mode?: number | undefined;
      readonly replace?: boolean | undefined;
    }
  | {
      readonly kind: 'copyDir';
      /** Host path of a folder of files, folders and symbolic links. */
      readonly src: string;
      readonly dst: string;
      readonly replace?: boolean | undefined;
    }
  | {
      readonly kind: 'symlink';
      /** What the link says; it need not exist. */
      readonly target: string;
      readonly link: string;
      readonly replace?: boolean | undefined;
    }
  | {
      readonly kind: 'mkdir';
      readonly path: string;
      /** 0755 when absent. */
      readonly mode?: number | undefined;
    }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'append'; readonly path: string; readonly content: string };
