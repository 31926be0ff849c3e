//! Environment variables: the sandbox's own and those of a request on top (protocol sections 14
//! and 16.1).

use msb_protocol::constants::SCRIPTS_PATH;
use msb_protocol::payload::BootstrapEnvVar;

/// Where programs are looked for when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An ordered set of variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(Vec<(String, String)>);

impl Environment {
    /// The sandbox's environment: the configured entries in order, then `PATH` with the scripts
    /// folder in front.
    #[must_use]
    pub fn of_sandbox(entries: &[BootstrapEnvVar]) -> Self {
        let mut environment = Self::default();
        for entry in entries {
            environment.set(&entry.key, &entry.value);
        }
        let path = with_scripts(environment.get("PATH").unwrap_or(DEFAULT_PATH));
        environment.set("PATH", &path);
        environment
    }

    /// This environment with the `KEY=VALUE` entries of a request on top; entries without `=` are
    /// dropped. The scripts folder stays in front of `PATH`.
    #[must_use]
    pub fn with_request(&self, entries: &[String]) -> Self {
        let mut environment = self.clone();
        for (key, value) in entries.iter().filter_map(|entry| entry.split_once('=')) {
            environment.set(key, value);
        }
        let path = with_scripts(environment.get("PATH").unwrap_or(DEFAULT_PATH));
        environment.set("PATH", &path);
        environment
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Sets `key`, in its old place when it was there.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((key.to_owned(), value.to_owned())),
        }
    }

    /// `KEY=VALUE` lines.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(key, value)| format!("{key}={value}"))
    }
}

fn with_scripts(path: &str) -> String {
    if path.split(':').any(|segment| segment == SCRIPTS_PATH) {
        path.to_owned()
    } else {
        format!("{SCRIPTS_PATH}:{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox(entries: &[(&str, &str)]) -> Environment {
        let entries: Vec<_> = entries
            .iter()
            .map(|(key, value)| BootstrapEnvVar {
                key: (*key).into(),
                value: (*value).into(),
            })
            .collect();
        Environment::of_sandbox(&entries)
    }

    #[test]
    fn path_has_the_scripts_in_front_once() {
        assert_eq!(
            sandbox(&[]).get("PATH"),
            Some(&*format!("/.msb/scripts:{DEFAULT_PATH}"))
        );
        assert_eq!(
            sandbox(&[("PATH", "/a"), ("PATH", "/b")]).get("PATH"),
            Some("/.msb/scripts:/b")
        );
        assert_eq!(
            sandbox(&[("PATH", "/a:/.msb/scripts")]).get("PATH"),
            Some("/a:/.msb/scripts")
        );
    }

    #[test]
    fn a_request_wins_and_broken_entries_are_dropped() {
        let base = sandbox(&[("A", "1"), ("B", "2")]);
        let merged = base.with_request(&["B=3=4".into(), "broken".into(), "PATH=/x".into()]);
        assert_eq!(merged.get("A"), Some("1"));
        assert_eq!(merged.get("B"), Some("3=4"));
        assert_eq!(merged.get("broken"), None);
        assert_eq!(merged.get("PATH"), Some("/.msb/scripts:/x"));
        assert_eq!(base.with_request(&[]).get("PATH"), base.get("PATH"));
    }
}
