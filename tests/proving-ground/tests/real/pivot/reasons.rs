//! Why what windlass leaves differs from what `clusterctl move` leaves. A row that explains nothing any more fails the test.

use super::compare::Reason;

const DEAD_UIDS: Reason = Reason {
    object: "",
    path: ".f:ownerReferences.k:uid of nobody",
    sides: ["-", "{"],
    why: "clusterctl leaves the source's uids in managedFields, where they name nobody",
};

const LIVING_UIDS: Reason = Reason {
    object: "",
    path: ".f:ownerReferences.k:{\"uid\":\"uid of ",
    sides: ["{", "-"],
    why: "our copies' managedFields tell owners by their uids on the target",
};

const MOVED_BY_LABEL: Reason = Reason {
    object: "Secret default/labelled-with-the-cluster",
    path: "",
    sides: ["true", "-"],
    why: "what carries a cluster's label is the cluster's; clusterctl wants an owner or the name of one of Cluster API's own Secrets",
};

const COPIED_ONLY: Reason = Reason {
    object: "Secret default/labelled-to-move",
    path: "",
    sides: ["true", "-"],
    why: "what is labelled to move belongs to no cluster: other clusters of the namespace may need it, so it is copied; clusterctl moves it",
};

/// Our target beside clusterctl's, after the move into the cluster.
pub const INTO: &[Reason] = &[DEAD_UIDS, LIVING_UIDS, MOVED_BY_LABEL];

/// Our source beside our target.
pub const TRUE_TO_SOURCE: &[Reason] = &[
    Reason { object: "/bystander", path: "", sides: ["true", "-"], why: "what has nothing to do with the cluster stays" },
    Reason { object: "default/shop-words", path: "", sides: ["true", "-"], why: "a name that begins like the cluster's says nothing" },
];

/// Our source beside clusterctl's, after the move.
pub const LEFT_BEHIND: &[Reason] = &[COPIED_ONLY, Reason { sides: ["-", "true"], ..MOVED_BY_LABEL }];

/// Our target beside clusterctl's, after the move back.
pub const BACK: &[Reason] =
    &[DEAD_UIDS, LIVING_UIDS, Reason { path: "data.value", sides: ["\"as on the source\"", "\"not as on the source\""], ..MOVED_BY_LABEL }];

/// Our source beside our target, after the move back.
pub const TRUE_TO_SOURCE_BACK: &[Reason] = &[
    Reason { object: "/bystander", path: "", sides: ["-", "true"], why: "what has nothing to do with the cluster was there all the time" },
    Reason { object: "default/shop-words", path: "", sides: ["-", "true"], why: "and so was this" },
];

/// Our source beside clusterctl's, after the move back.
pub const LEFT_BEHIND_BACK: &[Reason] = &[COPIED_ONLY, DEAD_UIDS, LIVING_UIDS];
