//! Users and groups of the guest: `USER[:GROUP]` against passwd and group (protocol section 16.1).

use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use thiserror::Error;

use crate::parsed_file::ParsedFile;

/// Where the guest's users are written down. Every command asks, so the files are read again only when they changed.
#[derive(Debug)]
pub struct UserDatabase {
    passwd: ParsedFile<Vec<PasswdEntry>>,
    group: ParsedFile<Vec<GroupEntry>>,
}

impl Default for UserDatabase {
    fn default() -> Self {
        Self::new("/etc/passwd".into(), "/etc/group".into())
    }
}

/// Who a child becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
}

/// A user as the agent needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedUser {
    /// Ids to become.
    pub credentials: Credentials,
    /// Home directory, when the user has an entry.
    pub home: Option<String>,
}

/// Why a user could not be resolved.
#[derive(Debug, Error)]
pub enum UserError {
    /// No such user.
    #[error("guest user not found: {0}")]
    UserNotFound(String),
    /// No such group.
    #[error("guest group not found: {0}")]
    GroupNotFound(String),
    /// Nothing in front of the colon.
    #[error("user spec has empty user")]
    EmptyUser,
    /// Nothing behind the colon.
    #[error("user spec has empty group")]
    EmptyGroup,
    /// The files could not be read.
    #[error("read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PasswdEntry {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct GroupEntry {
    name: String,
    gid: u32,
    members: Vec<String>,
}

impl UserDatabase {
    /// The users of these files; an image without them still has numeric users.
    #[must_use]
    pub fn new(passwd: PathBuf, group: PathBuf) -> Self {
        Self {
            passwd: ParsedFile::new(passwd, parse_passwd),
            group: ParsedFile::new(group, parse_group),
        }
    }

    /// Resolves `USER[:GROUP]` or `UID[:GID]`.
    ///
    /// # Errors
    /// [`UserError`] when a part is empty or unknown, or the files cannot be read.
    pub fn resolve(&self, spec: &str) -> Result<ResolvedUser, UserError> {
        resolve(spec, &read(&self.passwd)?, &read(&self.group)?)
    }

    /// Home directory of the user with id `uid`, when it has an entry.
    #[must_use]
    pub fn home_of(&self, uid: u32) -> Option<String> {
        let entries = read(&self.passwd).ok()?;
        entries
            .iter()
            .find(|entry| entry.uid == uid)
            .map(|entry| entry.home.clone())
    }
}

fn read<T>(file: &ParsedFile<T>) -> Result<Rc<T>, UserError> {
    file.get().map_err(|source| UserError::Read {
        path: file.path().to_owned(),
        source,
    })
}

fn resolve(
    spec: &str,
    passwd: &[PasswdEntry],
    groups: &[GroupEntry],
) -> Result<ResolvedUser, UserError> {
    let (user, group) = match spec.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (spec, None),
    };
    if user.is_empty() {
        return Err(UserError::EmptyUser);
    }
    let (uid, entry) = match user.parse::<u32>() {
        Ok(uid) => (uid, passwd.iter().find(|entry| entry.uid == uid)),
        Err(_) => match passwd.iter().find(|entry| entry.name == user) {
            Some(entry) => (entry.uid, Some(entry)),
            None => return Err(UserError::UserNotFound(user.to_owned())),
        },
    };
    let gid = match group {
        Some("") => return Err(UserError::EmptyGroup),
        Some(group) => resolve_group(group, groups)?,
        None => entry.map_or(0, |entry| entry.gid),
    };
    let groups = entry.map_or_else(Vec::new, |entry| supplementary(&entry.name, gid, groups));
    Ok(ResolvedUser {
        credentials: Credentials { uid, gid, groups },
        home: entry.map(|entry| entry.home.clone()),
    })
}

fn resolve_group(group: &str, groups: &[GroupEntry]) -> Result<u32, UserError> {
    if let Ok(gid) = group.parse() {
        return Ok(gid);
    }
    let entry = groups.iter().find(|entry| entry.name == group);
    entry
        .map(|entry| entry.gid)
        .ok_or_else(|| UserError::GroupNotFound(group.to_owned()))
}

/// What initgroups(3) would set: the primary group and every group that lists the user.
fn supplementary(name: &str, gid: u32, groups: &[GroupEntry]) -> Vec<u32> {
    let listed = groups
        .iter()
        .filter(|group| group.members.iter().any(|member| member == name));
    let mut gids: Vec<u32> = std::iter::once(gid)
        .chain(listed.map(|group| group.gid))
        .collect();
    gids.sort_unstable();
    gids.dedup();
    gids
}

fn parse_passwd(text: &str) -> Vec<PasswdEntry> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.trim().parse().ok()?;
        let gid = fields.next()?.trim().parse().ok()?;
        let home = fields.nth(1)?.to_owned();
        Some(PasswdEntry {
            name,
            uid,
            gid,
            home,
        })
    };
    text.lines().filter_map(entry).collect()
}

fn parse_group(text: &str) -> Vec<GroupEntry> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let gid = fields.nth(1)?.trim().parse().ok()?;
        let members = fields
            .next()
            .unwrap_or_default()
            .split(',')
            .map(|m| m.trim().to_owned());
        Some(GroupEntry {
            name,
            gid,
            members: members.collect(),
        })
    };
    text.lines().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# comment\nbroken\n\
        ann:x:1000:1000:Ann:/home/ann:/bin/sh\n7:x:8:8::/odd:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nann:x:1000:\naudio:x:29:bob,ann\nvideo:x:44:annette\n";

    fn look_up(spec: &str) -> Result<ResolvedUser, String> {
        resolve(spec, &parse_passwd(PASSWD), &parse_group(GROUP)).map_err(|e| e.to_string())
    }

    fn ids(spec: &str) -> (u32, u32, Vec<u32>, Option<String>) {
        let user = look_up(spec).unwrap();
        (
            user.credentials.uid,
            user.credentials.gid,
            user.credentials.groups,
            user.home,
        )
    }

    #[test]
    fn names_bring_home_and_groups() {
        assert_eq!(
            ids("ann"),
            (1000, 1000, vec![29, 1000], Some("/home/ann".into()))
        );
        assert_eq!(
            ids("ann:audio"),
            (1000, 29, vec![29], Some("/home/ann".into()))
        );
        assert_eq!(
            ids("ann:5"),
            (1000, 5, vec![5, 29], Some("/home/ann".into()))
        );
    }

    #[test]
    fn numbers_work_with_and_without_an_entry() {
        assert_eq!(
            ids("1000"),
            (1000, 1000, vec![29, 1000], Some("/home/ann".into()))
        );
        assert_eq!(ids("4711"), (4711, 0, vec![], None));
        assert_eq!(ids("4711:12"), (4711, 12, vec![], None));
    }

    #[test]
    fn errors_name_what_is_missing() {
        assert_eq!(look_up("bob").unwrap_err(), "guest user not found: bob");
        assert_eq!(
            look_up("ann:wheel").unwrap_err(),
            "guest group not found: wheel"
        );
        assert_eq!(look_up(":audio").unwrap_err(), "user spec has empty user");
        assert_eq!(look_up("ann:").unwrap_err(), "user spec has empty group");
    }

    #[test]
    fn missing_files_leave_numeric_users() {
        let database = UserDatabase::new("/nonexistent/p".into(), "/nonexistent/g".into());
        assert_eq!(database.resolve("12:13").unwrap().credentials.gid, 13);
        assert!(database.resolve("root").is_err());
        assert_eq!(database.home_of(0), None);
    }
}
