//! Any edits of any tree, beside the simplest thing that could do the same: a map from paths to contents.

use std::collections::BTreeMap;

use proptest::prelude::*;
use registry::{Digest, Edit, EditError, File, FilePath, Tree};

/// Few names, so that they meet: in case alone, as file and folder, as each other's beginnings.
const PATHS: [&str; 14] =
    ["a", "A", "ab", "a/b", "A/b", "a/B", "a/b/c", "a/b/C", "a/bc", "b", "b/a", "é/x", "É/y", "a.b"];

type Map = BTreeMap<FilePath, u8>;

#[derive(Debug, Clone)]
enum Step {
    Put(FilePath, u8),
    Remove(FilePath),
    RemoveFolder(FilePath),
}

fn path() -> impl Strategy<Value = FilePath> {
    prop::sample::select(&PATHS[..]).prop_map(|path| path.parse().expect("it is a path"))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (path(), 0..3_u8).prop_map(|(path, content)| Step::Put(path, content)),
        2 => path().prop_map(Step::Remove),
        1 => path().prop_map(Step::RemoveFolder),
    ]
}

fn file(path: &FilePath, content: u8) -> File {
    File { path: path.clone(), sha256: Digest::of(&[content]), size: u64::from(content) }
}

fn edit(step: &Step) -> Edit {
    match step {
        Step::Put(path, content) => Edit::Put(file(path, *content)),
        Step::Remove(path) => Edit::Remove(path.clone()),
        Step::RemoveFolder(path) => Edit::RemoveFolder(path.clone()),
    }
}

fn lies_in(file: &FilePath, folder: &FilePath) -> bool {
    let (file, folder): (Vec<_>, Vec<_>) = (file.segments().collect(), folder.segments().collect());
    file.len() > folder.len() && file[..folder.len()] == folder[..]
}

/// The map after a step, or why there is none.
fn take(map: &mut Map, step: &Step) -> Result<(), EditError> {
    match step {
        Step::Put(path, content) => {
            map.insert(path.clone(), *content);
        }
        Step::Remove(path) if map.remove(path).is_none() => return Err(EditError::NoFile { path: path.clone() }),
        Step::Remove(_) => {}
        Step::RemoveFolder(path) => {
            let gone: Vec<_> = map.keys().filter(|file| lies_in(file, path)).cloned().collect();
            if gone.is_empty() {
                return Err(EditError::NoFolder { path: path.clone() });
            }
            map.retain(|file, _| !gone.contains(file));
        }
    }
    Ok(())
}

/// Whether both can lie on a disk that knows no case.
fn meet(one: &FilePath, other: &FilePath) -> bool {
    let pairs: Vec<_> = one.segments().zip(other.segments()).collect();
    let alike = pairs.iter().take_while(|(one, other)| one.to_lowercase() == other.to_lowercase()).count();
    let spelled = pairs[..alike].iter().all(|(one, other)| one == other);
    !spelled || alike == pairs.len()
}

fn is_tree(map: &Map) -> bool {
    let paths: Vec<_> = map.keys().collect();
    (0..paths.len()).all(|at| paths[at + 1..].iter().all(|other| !meet(paths[at], other)))
}

fn files(map: &Map) -> Vec<File> {
    map.iter().map(|(path, content)| file(path, *content)).collect()
}

/// A tree made of these, leaving out what meets what is there.
fn tree(wanted: &[(FilePath, u8)]) -> (Map, Tree) {
    let mut map = Map::new();
    for (path, content) in wanted {
        if map.keys().all(|there| there == path || !meet(there, path)) {
            map.insert(path.clone(), *content);
        }
    }
    let tree = Tree::new(files(&map)).expect("they can lie beside each other");
    (map, tree)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn edits_do_what_they_do_to_a_map(
        before in prop::collection::vec((path(), 0..3_u8), 0..8),
        steps in prop::collection::vec(step(), 0..8),
    ) {
        let (mut map, before) = tree(&before);
        let edited = before.edit(&steps.iter().map(edit).collect::<Vec<_>>());
        match steps.iter().try_for_each(|step| take(&mut map, step)) {
            Err(why) => prop_assert_eq!(edited, Err(why)),
            Ok(()) if is_tree(&map) => {
                let edited = edited.unwrap();
                prop_assert_eq!(edited.files(), files(&map));
                // However it came to be what it is, it is the same commit.
                let fresh: Vec<_> = map.iter().rev().map(|(path, content)| Edit::Put(file(path, *content))).collect();
                prop_assert_eq!(Tree::default().edit(&fresh).unwrap().commit_id(), edited.commit_id());
            }
            Ok(()) => prop_assert!(matches!(edited, Err(EditError::Tree(_))), "{:?}", edited),
        }
    }

    #[test]
    fn edits_one_after_the_other_are_the_edits_at_once(
        before in prop::collection::vec((path(), 0..3_u8), 0..8),
        first in prop::collection::vec(step(), 0..5),
        second in prop::collection::vec(step(), 0..5),
    ) {
        let (_, before) = tree(&before);
        let edits = |steps: &[Step]| steps.iter().map(edit).collect::<Vec<_>>();
        let Ok(between) = before.edit(&edits(&first)) else { return Ok(()) };
        prop_assert_eq!(between.edit(&edits(&second)), before.edit(&edits(&[first, second].concat())));
    }
}
