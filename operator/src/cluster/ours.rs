//! How requests of the operator are made out: in its name, and for that very object.

use kube::api::{DeleteParams, PatchParams, PostParams, Preconditions};

use super::names::MANAGER;

pub(super) fn post() -> PostParams {
    PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() }
}

pub(super) fn patch() -> PatchParams {
    PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() }
}

/// Makes sure that a deletion means the object with this UID, and not another that has its name by now.
pub(super) fn only(uid: &str, params: DeleteParams) -> DeleteParams {
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    DeleteParams { preconditions: Some(preconditions), ..params }
}
