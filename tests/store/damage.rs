//! Damaged files: truncated, changed or missing. They are repaired where nothing acknowledged is lost, and refused
//! otherwise.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use kubekv::model::Key;
use kubekv::store::{Store, StoreContents};

use crate::common::{embedded, entry, look, open, put, sorted};
use crate::kill::Random;

/// A closed store of 30 commits on 10 keys.
async fn sample(dir: &Path) -> StoreContents {
    let (store, _) = open(dir).await.unwrap();
    let mut latest = vec![None; 10];
    for n in 0..30 {
        let key = Key::user(format!("key{}", n % 10));
        let before = latest[n % 10].take();
        let commit = put(&store, &key, before.as_ref(), &format!("value{n}"))
            .await
            .unwrap();
        latest[n % 10] = Some(entry(&commit, &key));
    }
    store.close().await;
    let opened = look(dir).await.unwrap();
    assert_eq!(opened.revision, 30);
    opened
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All files of a store but its lock files, whose bytes mean nothing.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.file_name().unwrap() != "lock" {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn journal(dir: &Path) -> PathBuf {
    let journals: Vec<_> = files(&dir.join("store/journal"));
    let [journal] = &journals[..] else {
        panic!("{journals:?}");
    };
    journal.clone()
}

/// What a journal holds, without the zeros after it.
fn batches(journal: &Path) -> Vec<u8> {
    let mut bytes = fs::read(journal).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes.truncate(end + 1);
    bytes
}

/// The position of a text in a file.
fn find(path: &Path, text: &str) -> u64 {
    let bytes = fs::read(path).unwrap();
    let place = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .unwrap();
    place.try_into().unwrap()
}

fn change(path: &Path, at: u64, change: impl FnOnce(u8) -> u8) {
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[change(byte[0])], at).unwrap();
}

fn same(a: &StoreContents, b: &StoreContents) -> bool {
    (a.revision, a.identity, a.history_floor) == (b.revision, b.identity, b.history_floor)
        && sorted(a) == sorted(b)
        && a.history == b.history
}

async fn refusal(dir: &Path) -> String {
    let line = match look(dir).await {
        Ok(opened) => panic!("opened at {}", opened.revision),
        Err(refused) => refused.to_string(),
    };
    assert!(!line.contains('\n'), "{line}");
    line
}

#[tokio::test]
async fn torn_commit_is_truncated() {
    let dir = tempfile::tempdir().unwrap();
    let whole = sample(dir.path()).await;
    // kill -9 in the middle of a write leaves the beginning of a batch.
    let journal = journal(dir.path());
    let bytes = batches(&journal);
    for length in [1, 12, 13, 14, 40, 100] {
        let mut torn = bytes.clone();
        torn.extend(&bytes[..length]);
        // The copy is the beginning of an older batch; make it that of a later one.
        torn[bytes.len()..]
            .iter_mut()
            .skip(5)
            .take(1)
            .for_each(|byte| *byte = 0xee);
        fs::write(&journal, &torn).unwrap();
        assert!(
            same(&look(dir.path()).await.unwrap(), &whole),
            "{length} bytes"
        );
        assert_eq!(fs::read(&journal).unwrap(), bytes, "{length} bytes");
    }
}

#[tokio::test]
async fn torn_commit_with_lost_pages_is_truncated() {
    let dir = tempfile::tempdir().unwrap();
    let whole = sample(dir.path()).await;
    let journal = journal(dir.path());
    let bytes = batches(&journal);
    let mark = dir.path().join("store/mark");
    let before = fs::read(&mark).unwrap();
    let (store, _) = open(dir.path()).await.unwrap();
    put(&store, &Key::user("big"), None, &"x".repeat(20_000))
        .await
        .unwrap();
    store.close().await;
    // A power cut: the last page reached the disk, one in the middle did not, and the commit was not acknowledged.
    let file = fs::File::options().write(true).open(&journal).unwrap();
    file.write_all_at(&[0; 4096], (bytes.len() + 4096).try_into().unwrap())
        .unwrap();
    fs::write(&mark, before).unwrap();
    assert!(same(&look(dir.path()).await.unwrap(), &whole));
}

#[tokio::test]
async fn flipped_bit_in_the_middle_is_refused_and_nothing_truncated() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path()).await;
    let journal = journal(dir.path());
    let at = find(&journal, "value15");
    change(&journal, at, |byte| byte ^ 1);
    let before = fs::read(&journal).unwrap();
    let line = refusal(dir.path()).await;
    assert!(line.contains("is damaged at byte"), "{line}");
    assert!(line.contains("acknowledged commits follow"), "{line}");
    assert_eq!(fs::read(&journal).unwrap(), before);
    change(&journal, at, |byte| byte ^ 1);
    assert_eq!(look(dir.path()).await.unwrap().revision, 30);
}

#[tokio::test]
async fn damage_to_the_last_acknowledged_commit_is_refused() {
    for cut in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        sample(dir.path()).await;
        let journal = journal(dir.path());
        let at = find(&journal, "value29");
        if cut {
            let file = fs::File::options().write(true).open(&journal).unwrap();
            file.set_len(at).unwrap();
        } else {
            change(&journal, at, |byte| byte ^ 1);
        }
        let before = fs::read(&journal).unwrap();
        let line = refusal(dir.path()).await;
        assert!(line.contains("acknowledged commits were there"), "{line}");
        assert_eq!(
            fs::read(&journal).unwrap(),
            before,
            "evidence is left alone"
        );
    }
}

#[tokio::test]
async fn journal_truncated_between_commits_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path()).await;
    let journal = journal(dir.path());
    // Truncated where the last batch begins: the rest is a sound journal of 29 commits.
    let bytes = fs::read(&journal).unwrap();
    let last = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, window)| window == b"FJL\x03")
        .rev()
        .nth(1)
        .unwrap()
        .0
        + 4;
    fs::write(&journal, &bytes[..last]).unwrap();
    let line = refusal(dir.path()).await;
    assert!(
        line.contains("up to 30 were acknowledged, but the last one here is 29"),
        "{line}"
    );
}

/// Every file of a store, flushed to table files in part, with one byte changed at a time: a store that opens has its old
/// state exactly.
#[tokio::test]
async fn no_changed_byte_alters_the_state_read() {
    let dir = tempfile::tempdir().unwrap();
    let original = dir.path().join("original");
    sample(&original).await;
    flush(&original).await;
    let whole = look(&original).await.unwrap();
    let mut random = Random(11);
    let (mut refused, mut unharmed) = (0, 0);
    for path in files(&original) {
        let name = path.strip_prefix(&original).unwrap();
        let length = fs::metadata(&path).unwrap().len();
        for _ in 0..length.min(12) {
            let at = random.below(length);
            let by = 1 << random.below(8);
            let dir = dir.path().join("copy");
            copy(&original, &dir);
            change(&dir.join(name), at, |byte| byte ^ by);
            match look(&dir).await {
                Ok(opened) => {
                    assert!(
                        same(&opened, &whole),
                        "byte {at} of {} ^ {by}",
                        name.display()
                    );
                    unharmed += 1;
                }
                Err(_) => refused += 1,
            }
            fs::remove_dir_all(&dir).unwrap();
        }
    }
    assert!(refused > 50, "{refused} refused, {unharmed} unharmed");
}

/// Writes until fjall has written a table file.
async fn flush(dir: &Path) {
    let (store, opened) = open(dir).await.unwrap();
    let key = Key::user("big");
    let mut latest = opened
        .entries
        .into_iter()
        .find(|(name, _)| *name == key)
        .map(|(_, entry)| entry);
    while tables(dir) == 0 {
        let commit = put(&store, &key, latest.as_ref(), &"x".repeat(1 << 20))
            .await
            .unwrap();
        latest = Some(entry(&commit, &key));
    }
    store.close().await;
}

fn tables(dir: &Path) -> usize {
    fs::read_dir(dir.join("store/db/keyspaces/1/tables"))
        .unwrap()
        .count()
}

/// Whether a file is a list of table files that a newer one replaced.
fn is_old_list(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    let Some(number) = name
        .strip_prefix('v')
        .and_then(|number| number.parse::<u64>().ok())
    else {
        return false;
    };
    let current = fs::read(path.with_file_name("current")).unwrap();
    u64::from_le_bytes(*current.first_chunk().unwrap()) != number
}

#[tokio::test]
async fn every_missing_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let original = dir.path().join("original");
    sample(&original).await;
    flush(&original).await;
    for path in files(&original)
        .into_iter()
        .filter(|path| !is_old_list(path))
    {
        let name = path.strip_prefix(&original).unwrap();
        let dir = dir.path().join("copy");
        copy(&original, &dir);
        fs::remove_file(dir.join(name)).unwrap();
        let left = files(&dir);
        let line = refusal(&dir).await;
        assert!(line.contains("damaged"), "{}: {line}", name.display());
        assert_eq!(
            files(&dir),
            left,
            "{}: nothing is made or removed",
            name.display()
        );
        fs::remove_dir_all(&dir).unwrap();
    }
}

#[tokio::test]
async fn interrupted_first_start_is_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let store = embedded(dir.path());
    let first = store.open(crate::common::Recorder::new()).await.unwrap();
    store.close().await;
    // The rename that finishes a first start did not happen, and not all files were there.
    let (store, new) = (dir.path().join("store"), dir.path().join("store.new"));
    fs::rename(&store, &new).unwrap();
    for path in files(&new) {
        fs::remove_file(path).unwrap();
        let opened = look(dir.path()).await.unwrap();
        assert_eq!(opened.revision, 0);
        assert_ne!(opened.identity, first.identity, "it is another store");
        assert!(!new.exists());
        fs::remove_dir_all(&new).unwrap_or_default();
        fs::rename(&store, &new).unwrap();
    }
}

#[tokio::test]
async fn newer_format_is_refused_with_one_line() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path()).await;
    let format = dir.path().join("store/format.json");
    let text = fs::read_to_string(&format).unwrap();
    let newer = text.replace(
        "\"kubekv_embedded_store\":4",
        "\"kubekv_embedded_store\":5,\"more\":true",
    );
    assert_ne!(newer, text);
    fs::write(&format, newer).unwrap();
    let line = refusal(dir.path()).await;
    assert!(
        line.ends_with("was written by a newer kubekv (format 5; this one reads up to 4)"),
        "{line}"
    );
}
