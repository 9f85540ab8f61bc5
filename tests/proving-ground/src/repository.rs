//! A repository of provider components in clusterctl's layout, as a release would publish them: `<label>/<version>/<kind>-components.yaml`
//! with `metadata.yaml` beside it. Knows the modules' manifests; must not know who installs them.

mod component_repository;
mod document;
mod infrastructure;
mod without_cert_manager;

pub use component_repository::{ComponentRepository, RepositoryFlavour};
pub use infrastructure::InfrastructureProvider;
