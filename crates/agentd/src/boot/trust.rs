//! Certificates that the host wants the guest to trust (network section 13.6).

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use msb_protocol::payload::BootstrapEnvVar;

use super::error::{Context, InitError};
use super::mount::ensure_folder;

/// Where the host shows its files.
const FOLDER: &str = "/.msb/tls";
/// The authority that signs for intercepted servers.
const AUTHORITY: &str = "ca.pem";
/// The host's own roots.
const HOST_ROOTS: &str = "host-cas.pem";

/// Folders from which distributions make their bundles, and the ending that their tools want.
const ANCHORS: [(&str, &str); 2] = [
    ("/usr/local/share/ca-certificates", "crt"),
    ("/etc/pki/ca-trust/source/anchors", "pem"),
];

/// Bundles of all that is trusted; a distribution has one of them.
const BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Makes the guest trust what the host asks for, and says which variables tell programs that do not
/// look into the bundle.
///
/// # Errors
/// [`InitError`] naming the file.
pub fn install() -> Result<Vec<BootstrapEnvVar>, InitError> {
    let bundle = BUNDLES
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or(BUNDLES[0]);
    let mut variables = Vec::new();
    for (file, name) in [
        (AUTHORITY, "microsandbox-ca"),
        (HOST_ROOTS, "microsandbox-host-cas"),
    ] {
        let path = format!("{FOLDER}/{file}");
        let Some(pem) = read_if_present(&path).context(format_args!("read {path}"))? else {
            continue;
        };
        for (folder, ending) in ANCHORS {
            ensure_folder(folder)?;
            let anchor = format!("{folder}/{name}.{ending}");
            write(&anchor, &pem).context(format_args!("write {anchor}"))?;
        }
        add_to_bundle(bundle, &pem)?;
        if file == AUTHORITY {
            variables = variables_for(bundle, &path);
        }
    }
    Ok(variables)
}

fn read_if_present(path: &str) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &str, pem: &str) -> io::Result<()> {
    fs::write(path, pem)?;
    fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// A root that persists has it from an earlier boot already.
fn add_to_bundle(bundle: &str, pem: &str) -> Result<(), InitError> {
    if let Some(parent) = Path::new(bundle).parent() {
        ensure_folder(parent)?;
    }
    let present = fs::read(bundle).unwrap_or_default();
    let Some(addition) = bundle_addition(&String::from_utf8_lossy(&present), pem) else {
        return Ok(());
    };
    let file = OpenOptions::new().create(true).append(true).open(bundle);
    file.and_then(|mut file| file.write_all(addition.as_bytes()))
        .context(format_args!("write {bundle}"))
}

/// What has to be added to a bundle so that it ends with `pem`; nothing when it is there.
fn bundle_addition(present: &str, pem: &str) -> Option<String> {
    if present.contains(pem.trim()) {
        return None;
    }
    let gap = if present.is_empty() || present.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    Some(format!("{gap}{}\n", pem.trim()))
}

fn variables_for(bundle: &str, authority: &str) -> Vec<BootstrapEnvVar> {
    [
        ("SSL_CERT_FILE", bundle),
        ("REQUESTS_CA_BUNDLE", bundle),
        ("CURL_CA_BUNDLE", bundle),
        ("NODE_EXTRA_CA_CERTS", authority),
    ]
    .map(|(key, value)| BootstrapEnvVar {
        key: key.into(),
        value: value.into(),
    })
    .into()
}

#[cfg(test)]
mod tests {
    use super::bundle_addition;

    #[test]
    fn a_certificate_is_added_once_on_a_line_of_its_own() {
        assert_eq!(bundle_addition("", "A\n").as_deref(), Some("A\n"));
        assert_eq!(bundle_addition("X", "A\n").as_deref(), Some("\nA\n"));
        assert_eq!(bundle_addition("X\n", "A").as_deref(), Some("A\n"));
        assert_eq!(bundle_addition("X\nA\n", "A\n"), None);
    }
}
