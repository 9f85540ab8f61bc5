//! The AWS provider as the component repositories of these tests hold it. Knows no plane.

use windlass_kubeschema::facts_table;
use windlass_proving_ground::InfrastructureProvider;

/// The provider whose manager is the process cloud: its definitions from the carried facts, the rest as it is released.
pub fn aws() -> InfrastructureProvider {
    let facts = facts_table::latest("aws").expect("facts of AWS");
    let definitions = facts_table::bundle("aws", facts.version).expect("facts of AWS").expect("readable").crd_objects();
    InfrastructureProvider {
        name: "aws".to_owned(),
        version: facts.version.to_owned(),
        contract: "v1beta1".to_owned(),
        prefix: "capa".to_owned(),
        image: "registry.k8s.io/cluster-api-aws/cluster-api-aws-controller".to_owned(),
        credentials: "AWS_B64ENCODED_CREDENTIALS".to_owned(),
        definitions,
    }
}
