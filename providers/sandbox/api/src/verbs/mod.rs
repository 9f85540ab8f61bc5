//! What each request does. One file per verb; `call` holds what all of them are given.

mod bind;
mod call;
mod collection;
mod create;
mod delete;
mod escalation;
mod get;
mod list;
mod patch;
mod replace;
mod review;
mod scale;
mod size;
mod token;
mod update;
mod watch;

pub(crate) use bind::bind;
pub(crate) use call::{Call, Writer};
pub(crate) use collection::delete_collection;
pub(crate) use create::{create, create_object};
pub(crate) use delete::{DeleteOptions, Propagation, delete, delete_object};
pub(crate) use get::get;
pub(crate) use list::list;
pub(crate) use patch::patch;
pub(crate) use replace::replace;
pub(crate) use review::review;
pub(crate) use scale::{get_scale, write_scale};
pub(crate) use token::request_token;
pub(crate) use update::{Mode, update_object};
pub(crate) use watch::watch;
