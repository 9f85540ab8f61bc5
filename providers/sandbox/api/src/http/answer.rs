//! Responses before they are bytes, and the bytes.

use std::convert::Infallible;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, WARNING, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use serde::Serialize;
use serde_json::Value;

use crate::status::Failure;

/// One chunk of a stream.
pub(crate) type Frame = hyper::body::Frame<Bytes>;
/// Body of every response.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What a verb answers.
pub(crate) enum Answer {
    /// A JSON document.
    Json { code: u16, value: Value },
    /// A document that was already serialised.
    Bytes { code: u16, content_type: &'static str, bytes: Bytes },
    /// JSON lines until the watch ends.
    Watch(BoxStream<'static, Bytes>),
}

impl Answer {
    pub fn ok(value: Value) -> Answer {
        Answer::Json { code: 200, value }
    }

    pub fn serialize(code: u16, value: &impl Serialize) -> Result<Answer, Failure> {
        let bytes = serde_json::to_vec(value).map_err(Failure::internal)?;
        Ok(Answer::Bytes { code, content_type: "application/json", bytes: bytes.into() })
    }

    pub fn text(text: &'static str) -> Answer {
        Answer::Bytes { code: 200, content_type: "text/plain; charset=utf-8", bytes: Bytes::from_static(text.as_bytes()) }
    }

    pub fn watch(stream: impl Stream<Item = Bytes> + Send + 'static) -> Answer {
        Answer::Watch(stream.boxed())
    }

    /// The response, with warnings in the form that clients print.
    pub fn into_response(self, warnings: &[String]) -> Response<Body> {
        let mut response = match self {
            Answer::Json { code, value } => full(code, "application/json", serde_json::to_vec(&value).unwrap_or_default().into()),
            Answer::Bytes { code, content_type, bytes } => full(code, content_type, bytes),
            Answer::Watch(stream) => {
                let frames = stream.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
                let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        for warning in warnings {
            let text = warning.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
            if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
                headers.append(WARNING, value);
            }
        }
        response
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Answer {
        Answer::Json { code: failure.code, value: failure.to_status() }
    }
}

/// A refusal as a response.
pub(crate) fn refuse(failure: Failure) -> Response<Body> {
    let code = failure.code;
    let mut response = Answer::from(failure).into_response(&[]);
    match code {
        401 => {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kubernetes\""));
        }
        429 => {
            response.headers_mut().insert(HeaderName::from_static("retry-after"), HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}

fn full(code: u16, content_type: &'static str, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(BodyExt::boxed_unsync(Full::new(bytes)));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
