//! How objects, lists and the API itself look to clients.

mod columns;
mod discovery;
mod form;
mod jsonpath;
mod objects;
mod openapi;
mod table;
mod times;

pub(crate) use discovery::{api_groups, api_versions, group, resources};
pub(crate) use form::Form;
pub(crate) use objects::{list, single, to_storage, watched};
pub(crate) use openapi::{index, v2, v3};
