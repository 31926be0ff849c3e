//! Extension headers that wait for their member: PAX local (`x`), GNU long name (`L`) and long link (`K`). At most one
//! of each, and not both ways for one field: what such an archive means, readers disagree on, so it is refused.

use super::header::{Header, text};
use super::pax::Records;
use super::sparse::{self, SparseFile};
use super::xattrs::xattrs;
use crate::failure::Failure;
use crate::tree::{Metadata, Xattrs};

/// One member of an archive: its header with everything that extension headers said about it.
#[derive(Debug)]
pub struct Member {
    pub path: Vec<u8>,
    pub link_path: Vec<u8>,
    /// Type flag.
    pub flag: u8,
    pub metadata: Metadata,
    /// Bytes of body that the archive stores.
    pub size: u64,
    pub device_major: u32,
    pub device_minor: u32,
    pub xattrs: Xattrs,
    /// Set when the body is a regular file's without its holes.
    pub sparse: Option<SparseFile>,
}

#[derive(Default)]
pub struct Extensions {
    pax: Option<Records>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Extensions {
    /// Whether members with this flag describe the next one and are to be given to [`Self::add`].
    pub fn is_extension(flag: u8) -> bool {
        matches!(flag, b'x' | b'L' | b'K')
    }

    pub fn add(&mut self, flag: u8, body: Vec<u8>) -> Result<(), Failure> {
        let twice = |what| {
            let reason = format!("two {what} entries describing the same member");
            Err(Failure::refused(reason))
        };
        if flag == b'x' {
            if self.pax.is_some() {
                return twice("pax extensions");
            }
            self.pax = Some(Records::parse(body)?);
            return Ok(());
        }
        let field = match flag {
            b'L' => &mut self.long_name,
            _ => &mut self.long_link,
        };
        if field.is_some() {
            return twice("long name");
        }
        *field = Some(text(&body).to_owned());
        Ok(())
    }

    /// Applies what waits to the member's own header and sparse map, and forgets it.
    pub fn apply(
        &mut self,
        header: Header,
        gnu_sparse: Option<SparseFile>,
    ) -> Result<Member, Failure> {
        let Self {
            pax,
            long_name,
            long_link,
        } = std::mem::take(self);
        let has_records = pax.is_some();
        let records = pax.unwrap_or_default();
        let mut path = choose(&records, ("path", "longname"), long_name, header.name)?;
        let mut sparse = gnu_sparse;
        if sparse.is_none() && has_records {
            if let Some(found) = sparse::of_pax(&records)? {
                path = found.path.unwrap_or(path);
                sparse = Some(found.file);
            }
        }
        let id = |key, own: u32| -> Result<u32, Failure> {
            Ok(records.number(key)?.map_or(own, |id| id as u32))
        };
        Ok(Member {
            link_path: choose(
                &records,
                ("linkpath", "longlink"),
                long_link,
                header.link_name,
            )?,
            flag: header.flag,
            metadata: Metadata {
                mode: header.mode,
                uid: id("uid", header.uid)?,
                gid: id("gid", header.gid)?,
                mtime: header.mtime,
            },
            size: records.number("size")?.unwrap_or(header.size),
            device_major: header.device_major,
            device_minor: header.device_minor,
            xattrs: xattrs(&records, &path)?,
            path,
            sparse,
        })
    }

    /// To be called at the end of the archive.
    pub fn assert_none_left(&self) -> Result<(), Failure> {
        if self.pax.is_some() || self.long_name.is_some() || self.long_link.is_some() {
            return Err(Failure::refused(
                "extension entry was not followed by a member",
            ));
        }
        Ok(())
    }
}

/// A name that PAX, GNU or the header itself says.
fn choose(
    records: &Records,
    (key, gnu_name): (&str, &str),
    gnu: Option<Vec<u8>>,
    plain: Vec<u8>,
) -> Result<Vec<u8>, Failure> {
    match (records.get(key), gnu) {
        (Some(_), Some(_)) => Err(Failure::refused(format!(
            "ambiguous path: pax {key} and GNU {gnu_name} describe the same member"
        ))),
        (Some(pax), None) => Ok(pax.to_owned()),
        (None, gnu) => Ok(gnu.unwrap_or(plain)),
    }
}
