//! GET of one object.

use super::Call;
use crate::http::Answer;
use crate::status::Failure;
use crate::view;

/// The object in the form that the client accepts.
pub(crate) fn get(call: &Call) -> Result<Answer, Failure> {
    let stored = call.stored().ok_or_else(|| call.not_found())?;
    Ok(Answer::ok(view::single(call, &stored)?))
}
