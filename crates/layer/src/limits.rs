//! What one layer may ask for; `packages/image/src/tar/layer-limits.ts` has the numbers and their reasons.

/// Bounds of one layer. Layers are written by strangers: each caps memory, disk or time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sum of the sizes of all regular files, bytes.
    pub total_file_bytes: u64,
    /// Size of one regular file, bytes.
    pub file_bytes: u64,
    /// Members of the archive plus directories that only exist because a path goes through them.
    pub entries: u64,
    pub path_bytes: usize,
    pub path_components: usize,
    pub symlink_target_bytes: usize,
    /// Body of one PAX header or GNU long name, bytes.
    pub extension_bytes: u64,
    /// Sum of names, link targets and extended attributes, bytes.
    pub metadata_bytes: u64,
    /// Length of the whole decompressed stream, bytes.
    pub stream_bytes: u64,
}

/// Bytes of a stretch in a sparse map of old GNU headers.
const STRETCH_BYTES: u64 = 24;

impl Limits {
    /// Longest sparse map that is read: one that takes as much memory as an extension header may.
    pub fn stretches(&self) -> usize {
        usize::try_from(self.extension_bytes / STRETCH_BYTES).unwrap_or(usize::MAX)
    }
}
