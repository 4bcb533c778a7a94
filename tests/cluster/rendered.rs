//! The manifests, as kustomize renders them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cluster::kubectl;

/// The directory of all manifests.
pub(crate) fn manifests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests")
}

/// The objects of a directory of manifests.
pub(crate) fn render(directory: &Path) -> Vec<Value> {
    let text = kubectl(&["kustomize", directory.to_str().unwrap()], &[]).unwrap();
    let documents = text.split("\n---\n");
    documents
        .map(|text| serde_saphyr::from_str(text).unwrap())
        .collect()
}

/// The object of a kind, of which there must be one.
pub(crate) fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut of_kind = objects.iter().filter(|object| object["kind"] == kind);
    let object = of_kind.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(of_kind.next().is_none(), "more than one {kind}");
    object
}

/// The gateway's container.
pub(crate) fn container(workload: &Value) -> &Value {
    let containers = &workload["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers.as_array().unwrap().len(), 1);
    &containers[0]
}

/// A directory of manifests for a namespace of its own, written as docs/running.md says.
#[derive(Debug)]
pub(crate) struct Overlay {
    directory: tempfile::TempDir,
    pub(crate) namespace: String,
}

impl Overlay {
    pub(crate) fn of(manifest: &str) -> Self {
        let name = format!("kubekv-{}", uuid::Uuid::new_v4().simple());
        Self::within(manifest, &name)
    }

    pub(crate) fn within(manifest: &str, namespace: &str) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // Kustomize takes relative paths alone.
        let here = directory.path().canonicalize().unwrap();
        let up = "../".repeat(here.components().count() - 1);
        let there = manifests().join(manifest).canonicalize().unwrap();
        let there = there.strip_prefix("/").unwrap().display();
        let text = format!("namespace: {namespace}\nresources:\n- {up}{there}\n");
        std::fs::write(here.join("kustomization.yaml"), text).unwrap();
        Self {
            directory,
            namespace: namespace.to_owned(),
        }
    }

    pub(crate) fn path(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    pub(crate) fn objects(&self) -> Vec<Value> {
        render(self.directory.path())
    }

    /// Applies it; a warning is a failure.
    pub(crate) fn apply(&self, more: &[&str]) -> String {
        let apply = ["apply", "--warnings-as-errors", "-k", self.path()];
        kubectl(&[&apply, more].concat(), &[]).unwrap()
    }
}
