//! Whether the cluster's definitions are the ones that this operator is for: with older ones the API server would
//! silently drop what it does not know.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::{Api, Client, CustomResourceExt, ResourceExt};
use temper_crds::{Trial, TrialHistory, TuningJob, VERSION};
use tokio::time::sleep;

use super::http::Probes;

/// What is wrong with the cluster's definitions.
#[derive(Debug, thiserror::Error)]
#[error(
    "the cluster's custom resource definitions are not those of this operator ({}): {problem}; apply this version's: temper crds | kubectl apply --server-side -f -",
    env!("CARGO_PKG_VERSION")
)]
pub struct Unfit {
    problem: String,
}

/// Waits until the API server is there and says whether its definitions have every field that ours have.
///
/// # Errors
/// [`Unfit`].
pub(super) async fn check(client: &Client, probes: &Probes) -> Result<(), Unfit> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for ours in [TuningJob::crd(), Trial::crd(), TrialHistory::crd()] {
        let name = ours.name_any();
        let theirs = loop {
            match definitions.get_opt(&name).await {
                Ok(Some(theirs)) => break theirs,
                Ok(None) => return Err(Unfit { problem: format!("{name} is missing") }),
                Err(kube::Error::Api(status)) if status.code == 403 => {
                    // Without the right to look, nothing is known to be wrong.
                    tracing::warn!(name, "may not read the definition; it is taken to be right");
                    break ours.clone();
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot reach the API server yet");
                    probes.lacks(format!("cannot read the definition {name}: {error}"));
                    sleep(Duration::from_secs(2)).await;
                }
            }
        };
        let missing = missing(schema(&ours), schema(&theirs), "");
        if !missing.is_empty() {
            let (shown, more) = missing.split_at(missing.len().min(5));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            return Err(Unfit { problem: format!("{name} does not know {}{more}", shown.join(", ")) });
        }
    }
    Ok(())
}

fn schema(definition: &CustomResourceDefinition) -> Option<&JSONSchemaProps> {
    let version = definition.spec.versions.iter().find(|version| version.name == VERSION)?;
    version.schema.as_ref()?.open_api_v3_schema.as_ref()
}

/// Paths of the fields that `ours` has and `theirs` lacks.
fn missing(ours: Option<&JSONSchemaProps>, theirs: Option<&JSONSchemaProps>, path: &str) -> Vec<String> {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrArray;
    let Some(ours) = ours else { return Vec::new() };
    let Some(theirs) = theirs else { return vec![format!("{path} (version {VERSION})")] };
    if theirs.x_kubernetes_preserve_unknown_fields == Some(true) {
        return Vec::new();
    }
    let mut lacking = Vec::new();
    for (name, property) in ours.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        match theirs.properties.as_ref().and_then(|properties| properties.get(name)) {
            None => lacking.push(path),
            Some(theirs) => lacking.extend(missing(Some(property), Some(theirs), &path)),
        }
    }
    if let (Some(JSONSchemaPropsOrArray::Schema(ours)), Some(JSONSchemaPropsOrArray::Schema(theirs))) =
        (&ours.items, &theirs.items)
    {
        lacking.extend(missing(Some(ours), Some(theirs), &format!("{path}[]")));
    }
    lacking
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_has_all_of_its_own_fields() {
        let ours = TuningJob::crd();
        assert!(missing(schema(&ours), schema(&ours), "").is_empty());
    }

    #[test]
    fn a_field_that_an_older_definition_lacks_is_named() {
        let (ours, mut theirs) = (Trial::crd(), Trial::crd());
        let schema_of = theirs.spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
        let spec = schema_of.properties.as_mut().unwrap().get_mut("spec").unwrap();
        spec.properties.as_mut().unwrap().remove("rungs").unwrap();
        assert_eq!(missing(schema(&ours), schema(&theirs), ""), [".spec.rungs"]);
    }
}
