//! The custom resource definition `entries.kubekv.io`.

pub(crate) mod resource;
pub(crate) mod rules;
pub(crate) mod version_check;
pub(crate) mod yaml;
