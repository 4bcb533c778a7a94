//! `CheckedPolicy`: a policy in a file, in TOML or as a manifest of objects in YAML or JSON, or of the objects in a cluster.

use std::fmt::Display;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use kubekv::config::PolicyOrigin;
use kubekv::guard::policy::objects::PolicyManifest;
use kubekv::guard::policy::{Policy, PolicyWarning};
use kubekv::store::kubernetes::{ReadPolicies, read_policies};

use crate::cli::exit::{CommandError, IO, USAGE};

/// The longest manifest, in bytes: other objects may be in it as well.
const LONGEST_MANIFEST: usize = 16 << 20;

/// How the names of manifests end.
const MANIFESTS: [&str; 3] = ["yaml", "yml", "json"];

/// A policy that can be used.
pub(super) struct CheckedPolicy {
    /// Where it is, as it is shown.
    pub(super) shown: String,
    pub(super) policy: Policy,
    /// What is valid in it, but hardly meant so, and where.
    pub(super) warnings: Vec<(String, String)>,
    /// How many objects it is, if it is of objects.
    pub(super) objects: Option<usize>,
}

/// Reads and parses a policy: a file, or the objects of a cluster.
pub(super) fn read(from: &Path) -> Result<CheckedPolicy, CommandError> {
    // A path that is no text is one of a file.
    let origin = from.to_str().map(PolicyOrigin::parse).transpose();
    let origin = origin.map_err(|why| usage(&format!("{}: {why}", from.display())))?;
    match origin {
        Some(PolicyOrigin::Kubernetes(namespace)) => live(namespace.as_deref()),
        Some(PolicyOrigin::File(_)) | None => file(from),
    }
}

fn file(path: &Path) -> Result<CheckedPolicy, CommandError> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    if ending.is_some_and(|ending| MANIFESTS.contains(&ending)) {
        return manifest(path);
    }
    let text = text(path, Policy::MAX_BYTES.saturating_add(1))?;
    let policy = Policy::parse(&text);
    let policy = policy.map_err(|error| usage(&format!("{}:{error}", path.display())))?;
    let warning = |PolicyWarning { place, message }| (format!(":{place}"), message);
    Ok(CheckedPolicy {
        shown: path.display().to_string(),
        warnings: policy.warnings().into_iter().map(warning).collect(),
        policy,
        objects: None,
    })
}

fn manifest(path: &Path) -> Result<CheckedPolicy, CommandError> {
    let shown = path.display();
    let text = text(path, LONGEST_MANIFEST.saturating_add(1))?;
    if text.len() > LONGEST_MANIFEST {
        let what = format!("{shown}: longer than the limit of {LONGEST_MANIFEST} bytes");
        return Err(usage(&what));
    }
    let manifest = PolicyManifest::parse(&text);
    of_objects(shown.to_string(), manifest)
}

/// The objects of a cluster, as they are now.
fn live(namespace: Option<&str>) -> Result<CheckedPolicy, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let read = runtime.block_on(read_policies(namespace));
    let ReadPolicies { namespace, objects } =
        read.map_err(|error| CommandError::new(IO, error.to_string()))?;
    let shown = format!("kubernetes:{namespace}");
    let named = objects.iter().map(|(name, spec)| (name.as_str(), spec));
    let mut checked = of_objects(shown, PolicyManifest::of_objects(named))?;
    if objects.is_empty() {
        let nothing = "there is no AccessPolicy: every request of clients is refused";
        let nothing = (String::new(), nothing.to_owned());
        checked.warnings.push(nothing);
    }
    Ok(checked)
}

/// The policy that all the objects are together.
fn of_objects(
    shown: String,
    manifest: Result<PolicyManifest, String>,
) -> Result<CheckedPolicy, CommandError> {
    let manifest = manifest.map_err(|error| usage(&format!("{shown}: {error}")))?;
    let refusals = manifest.refusals();
    if !refusals.is_empty() {
        let lines = refusals.iter().map(|refusal| format!("{shown}: {refusal}"));
        return Err(usage(&lines.collect::<Vec<_>>().join("\n")));
    }
    let union = manifest.union();
    let warnings = manifest.warnings(&union).into_iter();
    Ok(CheckedPolicy {
        shown,
        policy: union,
        warnings: warnings.map(|warning| (String::new(), warning)).collect(),
        objects: Some(manifest.count()),
    })
}

/// At most so many bytes of a file.
fn text(path: &Path, most: usize) -> Result<String, CommandError> {
    let shown = path.display();
    let fail = |error: &dyn Display| CommandError::new(IO, format!("{shown}: {error}"));
    let file = File::open(path).map_err(|error| fail(&error))?;
    let mut bytes = Vec::new();
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let read = file.take(most).read_to_end(&mut bytes);
    read.map_err(|error| fail(&error))?;
    String::from_utf8(bytes).map_err(|_| usage(&format!("{shown}: not UTF-8")))
}

fn usage(what: &str) -> CommandError {
    CommandError::new(USAGE, what.to_owned())
}
