//! Indexes: of the whole keyspace and of every prefix, they only grow.

use kubekv::model::{Caller, Key};
use proptest::prelude::*;
use support::faces;

use super::{delete, put};

#[tokio::test]
async fn deletion_raises_the_index_of_every_prefix_above() {
    let space = faces::space().await;
    let kept = put(&space, "a/kept", "").await;
    put(&space, "a/b/gone", "").await;
    let gone = delete(&space, "a/b/gone").await;
    put(&space, "other", "").await;
    let view = space.read(&Caller::System);
    assert_eq!(view.prefix_index(&Key::user("a/")), gone);
    assert_eq!(view.prefix_index(&Key::user("a/b")), gone);
    assert_eq!(view.key_index(&Key::user("a/b/gone")), gone);
    assert_eq!(view.key_index(&Key::user("a/kept")), kept);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn prefix_indexes_never_fall(steps in proptest::collection::vec(("[ab]{1,3}", any::<bool>()), 1..60)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let space = faces::space().await;
            let prefixes = ["", "a", "b", "aa", "ab", "ba", "bb", "aab", "missing"].map(Key::user);
            let mut last = prefixes.clone().map(|_| 0);
            for (key, write) in steps {
                if write {
                    put(&space, &key, "v").await;
                } else {
                    delete(&space, &key).await;
                }
                let view = space.read(&Caller::System);
                for (prefix, last) in prefixes.iter().zip(&mut last) {
                    let index = view.prefix_index(prefix);
                    assert!(index >= *last, "{prefix}: {index} after {last}");
                    *last = index;
                }
                // The first revision is the keyspace's own: it shows in no key.
                assert_eq!(last[0].max(1), view.revision());
            }
        });
    }
}
