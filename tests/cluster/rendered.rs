//! Rendered manifests, as kustomize prints and kubectl applies them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use support::kubernetes::{define, kubectl};

/// The directory of all manifests.
pub(crate) fn manifests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests")
}

/// The directory of the definition.
pub(crate) fn crds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")
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

/// Directories of manifests for a namespace of its own, written as docs/running.md says: the install, and beside it the
/// namespace.
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
        let overlay = Self {
            directory,
            namespace: namespace.to_owned(),
        };
        let own = manifests().join(manifest).join("namespace");
        let own = if own.is_dir() {
            own
        } else {
            manifests().join("namespace")
        };
        overlay.write("install", &manifests().join(manifest));
        overlay.write("namespace", &own);
        overlay
    }

    /// As [`Overlay::of`], where the definition, the namespace and then the install are applied.
    pub(crate) fn installed(manifest: &str) -> Self {
        let overlay = Self::of(manifest);
        overlay.prepare();
        overlay.apply(&[]);
        overlay
    }

    fn write(&self, name: &str, resource: &Path) {
        let here = self.directory.path().canonicalize().unwrap().join(name);
        // Kustomize accepts only relative paths.
        let up = "../".repeat(here.components().count() - 1);
        let there = resource.canonicalize().unwrap();
        let there = there.strip_prefix("/").unwrap().display();
        let text = format!("namespace: {}\nresources:\n- {up}{there}\n", self.namespace);
        std::fs::create_dir(&here).unwrap();
        std::fs::write(here.join("kustomization.yaml"), text).unwrap();
    }

    fn directory(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// The directory of the install.
    pub(crate) fn path(&self) -> String {
        self.directory("install")
    }

    pub(crate) fn objects(&self) -> Vec<Value> {
        render(Path::new(&self.path()))
    }

    /// Applies what comes before an install: the definition and the namespace.
    pub(crate) fn prepare(&self) {
        define();
        apply(&self.directory("namespace"), &[]);
    }

    /// Applies the install; a warning is a failure.
    pub(crate) fn apply(&self, more: &[&str]) -> String {
        apply(&self.path(), more)
    }

    /// Deletes the install.
    pub(crate) fn delete(&self) -> String {
        kubectl(&["delete", "--timeout=30s", "-k", &self.path()], &[]).unwrap()
    }
}

fn apply(directory: &str, more: &[&str]) -> String {
    let apply = ["apply", "--warnings-as-errors", "-k", directory];
    kubectl(&[&apply, more].concat(), &[]).unwrap()
}
