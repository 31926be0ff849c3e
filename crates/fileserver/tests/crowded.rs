//! A folder with very many files.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;
use std::fs::{self, File};

use support::share;

const FILES: usize = 100_000;

#[test]
fn a_hundred_thousand_files_are_listed_and_removed() {
    let Some(share) = share(|_| {}) else { return };
    let (host, guest) = (share.host.join("many"), share.mounted.path.join("many"));
    fs::create_dir(&host).unwrap();
    // Links to one file are quicker to make than files, and as much work to list; a file takes only so many.
    for number in 0..FILES {
        let path = host.join(format!("{number}"));
        if number % 1000 == 0 {
            File::create(&path).unwrap();
        } else {
            fs::hard_link(host.join(format!("{}", number - number % 1000)), &path).unwrap();
        }
    }
    let mut seen = HashSet::new();
    for entry in fs::read_dir(&guest).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(seen.insert(name.parse::<usize>().unwrap()), "{name} twice");
    }
    assert_eq!(seen.len(), FILES);
    assert!(seen.iter().all(|number| *number < FILES));
    fs::remove_dir_all(&guest).unwrap();
    assert_eq!(fs::read_dir(&share.host).unwrap().count(), 0);
}
